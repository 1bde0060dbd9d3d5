//! Processes that attack. A container and a workload each hold one that starts all others, because `docker exec` takes its time.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;

use anyhow::{Context, Result, bail};

use super::Seen;
use crate::lab::Place;

/// A process and what it says. It ends with the last who listens.
pub(super) struct Voice {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

/// An attack that has said `ready`, or has ended before that.
pub(super) struct Running {
    voice: Rc<RefCell<Voice>>,
    /// How it ended, where it has.
    ended: Option<Seen>,
}

// === impl Voice ===

impl Voice {
    pub(super) fn start(place: &Place, command: &mut Command) -> Result<Self> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = place.spawn(command)?;
        Ok(Self {
            stdin: child.stdin.take(),
            stdout: BufReader::new(child.stdout.take().context("no stdout")?),
            child,
        })
    }

    pub(super) fn tell(&mut self, line: &str) -> Result<()> {
        let stdin = self.stdin.as_mut().context("nobody listens")?;
        Ok(writeln!(stdin, "{line}")?)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        if line.is_empty() {
            let mut said = String::new();
            if let Some(mut stderr) = self.child.stderr.take() {
                stderr.read_to_string(&mut said)?;
            }
            bail!("an attack ended without a word: {}", said.trim());
        }
        Ok(line.trim().to_owned())
    }
}

impl Drop for Voice {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// === impl Running ===

impl Running {
    /// Starts a process of its own and waits for its first line.
    pub(super) fn start(place: &Place, command: &mut Command) -> Result<Self> {
        Self::of(Rc::new(RefCell::new(Voice::start(place, command)?)))
    }

    /// What a voice says next is an attack's.
    pub(super) fn of(voice: Rc<RefCell<Voice>>) -> Result<Self> {
        let line = voice.borrow_mut().line()?;
        let ended = if line == "ready" { None } else { Some(read(&line)?) };
        Ok(Self { voice, ended })
    }

    /// Whether it was refused before it could wait for us.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// Tells it to go on.
    pub(super) fn go(&mut self) {
        // It may have ended; its last line says how.
        let _ = self.voice.borrow_mut().tell("");
    }

    /// Its last line.
    pub(super) fn end(self) -> Result<Seen> {
        match self.ended {
            Some(ended) => Ok(ended),
            None => read(&self.voice.borrow_mut().line()?),
        }
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
