//! An attack that waits for something of ours in the middle.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::Seen;
use crate::lab::Place;

/// It has said `ready`, or has ended before that.
pub(super) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    /// How it ended, where it has.
    ended: Option<Seen>,
}

// === impl Running ===

impl Running {
    /// Starts it and waits for its first line.
    pub(super) fn start(place: &Place, command: &mut Command) -> Result<Self> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = place.spawn(command)?;
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().context("no stdout")?);
        let mut running = Self {
            child,
            stdin,
            stdout,
            ended: None,
        };
        let line = running.line()?;
        if line != "ready" {
            running.ended = Some(read(&line)?);
        }
        Ok(running)
    }

    /// Whether it was refused before it could wait for us.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// Tells it to go on.
    pub(super) fn go(&mut self) {
        if let Some(mut stdin) = self.stdin.take() {
            // It may have ended; its last line says how.
            let _ = stdin.write_all(b"\n");
        }
    }

    /// Its last line.
    pub(super) fn end(mut self) -> Result<Seen> {
        match self.ended.take() {
            Some(ended) => Ok(ended),
            None => {
                let line = self.line()?;
                read(&line)
            }
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        if line.is_empty() {
            let mut said = String::new();
            if let Some(mut stderr) = self.child.stderr.take() {
                std::io::Read::read_to_string(&mut stderr, &mut said)?;
            }
            ensure!(false, "an attack ended without a word: {}", said.trim());
        }
        Ok(line.trim().to_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The JSON line of an attack.
pub(super) fn read(text: &str) -> Result<Seen> {
    let last = text.lines().last().unwrap_or_default();
    let value: serde_json::Value =
        serde_json::from_str(last).with_context(|| format!("not what an attack prints: {text}"))?;
    Ok(Seen {
        outcome: value["outcome"].as_str().unwrap_or_default().to_owned(),
        effect: value["effect"].as_str().map(str::to_owned),
    })
}
