//! A terminal with somebody at it: a session of tmux on a server of its own. Keys are sent to it, its screen is read as a
//! person would, and what the program wrote is kept byte by byte.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::lab::Place;

/// What a screen is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// The shell's prompt.
const PROMPT: &str = "at-the-shell>";

/// A terminal; dropping it ends the session and what runs in it.
pub struct Screen {
    place: Place,
    socket: PathBuf,
    log: PathBuf,
    /// How often the shell was asked: its answers stay on the screen.
    asked: Cell<u32>,
}

// === impl Screen ===

impl Screen {
    /// A shell in a terminal of that many columns and rows; its files are in `folder`.
    pub fn open(
        place: &Place,
        folder: &Path,
        (columns, rows): (u16, u16),
        variables: &[(&str, &str)],
    ) -> Result<Self> {
        let screen = Self {
            place: place.clone(),
            socket: folder.join("tmux"),
            log: folder.join("tmux-log"),
            asked: Cell::new(0),
        };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let mut args = vec![
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            &columns,
            "-y",
            &rows,
        ];
        args.extend(["-e", "LC_ALL=C.UTF-8", "-e", "NO_COLOR="]);
        let variables: Vec<String> = variables
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        for variable in &variables {
            args.extend(["-e", variable]);
        }
        args.push("sh");
        screen.tmux(&args)?;
        let pipe = format!("exec cat > '{}'", screen.log.display());
        screen.tmux(&["pipe-pane", &pipe])?;
        // What is typed shall not look as what is answered.
        screen.write("PS1=at-the-'shell>'; clear")?;
        screen.press(&["Enter"])?;
        screen.wait("a shell", |text| text.trim_end().ends_with(PROMPT))?;
        Ok(screen)
    }

    /// A line at the shell.
    pub fn line(&self, words: &[String]) -> Result<()> {
        let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        self.write(&quoted.join(" "))?;
        self.press(&["Enter"])
    }

    /// Keys by tmux's names: `Enter`, `Tab`, `Escape`, `Down`, `C-c`, or a character.
    pub fn press(&self, keys: &[&str]) -> Result<()> {
        self.tmux(&[&["send-keys"], keys].concat()).map(drop)
    }

    /// Characters as they are.
    pub fn write(&self, text: &str) -> Result<()> {
        self.tmux(&["send-keys", "-l", text]).map(drop)
    }

    /// Another size.
    pub fn resize(&self, columns: u16, rows: u16) -> Result<()> {
        self.tmux(&[
            "resize-window",
            "-x",
            &columns.to_string(),
            "-y",
            &rows.to_string(),
        ])
        .map(drop)
    }

    /// What is to be read on it.
    pub fn text(&self) -> Result<String> {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Waits until `shows` holds of what is to be read, and gives that.
    pub fn wait(&self, what: &str, mut shows: impl FnMut(&str) -> bool) -> Result<String> {
        let start = Instant::now();
        loop {
            let text = self.text()?;
            if shows(&text) {
                return Ok(text);
            }
            if start.elapsed() > PATIENCE {
                bail!("the terminal never showed {what}:\n{text}");
            }
            thread::sleep(Duration::from_millis(30));
        }
    }

    /// Whether a program has the screen, and whether the cursor is seen.
    pub fn taken_and_cursor(&self) -> Result<(bool, bool)> {
        let flags = self.tmux(&["display-message", "-p", "#{alternate_on} #{cursor_flag}"])?;
        let (taken, cursor) = flags.trim().split_once(' ').context("flags")?;
        Ok((taken == "1", cursor == "1"))
    }

    /// The process that the shell started last.
    pub fn child(&self) -> Result<u32> {
        let shell = self.tmux(&["display-message", "-p", "#{pane_pid}"])?;
        let shell = shell.trim();
        let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children"))?;
        children
            .split_whitespace()
            .last()
            .context("the shell has no child")?
            .parse()
            .context("a pid")
    }

    /// The shell is asked how its last command ended and whether the terminal is as it was.
    pub fn ended_with(&self) -> Result<String> {
        self.wait("the prompt", |text| text.trim_end().ends_with(PROMPT))?;
        self.asked.set(self.asked.get() + 1);
        let head = format!("answer {}: ", self.asked.get());
        let flags = "stty -a | tr ' ;' '\\n\\n' | grep -xE -- '-?(icanon|echo|isig|opost)' | tr '\\n' ' '";
        self.write(&format!("echo \"{head}$? $({flags})\"; echo"))?;
        self.press(&["Enter"])?;
        let said = |text: &str| {
            let mut lines = text.lines().skip_while(|line| !line.starts_with(&head));
            let answer = lines.next()?.strip_prefix(&head)?.trim().to_owned();
            lines.next().map(|_| answer)
        };
        let text = self.wait("the answer", |text| said(text).is_some())?;
        said(&text).context("the answer")
    }

    /// Every byte that programs have written to it.
    pub fn written(&self) -> Vec<u8> {
        fs::read(&self.log).unwrap_or_default()
    }

    fn tmux(&self, args: &[&str]) -> Result<String> {
        let socket = self.socket.display().to_string();
        self.place.must("tmux", &[&["-u", "-S", &socket], args].concat())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The lab ends what is left.
        let _ = self.tmux(&["kill-server"]);
    }
}
