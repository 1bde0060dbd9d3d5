//! What a scene is for: one attempt after the other, what its other end noted, and what we do meanwhile.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::rows::{Play, Row};
use super::running::{self, Running, Voice};
use super::scene::{Attacker, OPEN, Scene, attackers_name};
use super::{Level, Origin, Seen};
use crate::binaries;
use crate::lab::place::finish;

/// Longer than a datagram takes on one host, with others at work.
const ARRIVES: Duration = Duration::from_millis(300);
/// Without Cofferdam, where it has to.
const MUST_ARRIVE: Duration = Duration::from_secs(2);
/// The same for what was refused, of which nothing should be under way.
const REFUSED: Duration = Duration::from_millis(50);

// === impl Scene ===

impl Scene {
    /// A row of the table, once.
    pub(super) fn play(&self, row: &Row, origin: Origin, level: Level) -> Result<Seen> {
        let attacker = Attacker { origin, level };
        let seen = match row.play {
            Play::Words(words) => self.strike(attacker, words),
            Play::With(play) => play(self, attacker),
        };
        seen.with_context(|| format!("{} from a {origin:?} ({level:?})", row.name))
    }

    /// One attack to its end.
    pub(super) fn strike(&self, attacker: Attacker, words: &str) -> Result<Seen> {
        let (running, token) = self.begin(attacker, words)?;
        self.end(running, &token)
    }

    /// One attack that will wait for us, and its token.
    pub(super) fn begin(&self, attacker: Attacker, words: &str) -> Result<(Running, String)> {
        let token = self.token();
        let words = self.filled(words, &token);
        let voice = self.voice(attacker)?;
        voice
            .borrow_mut()
            .tell(&format!("{words} token={token} slow={}", times_slower()))?;
        Ok((Running::of(voice)?, token))
    }

    /// Its end, with what arrived.
    pub(super) fn end(&self, running: Running, token: &str) -> Result<Seen> {
        Ok(self.with_arrival(running.end()?, token))
    }

    /// A process of the attack program with these flags of `cofferdam run`; without Cofferdam, a plain one.
    pub(super) fn command(&self, run_args: &[&str], words: &[&str]) -> Result<Command> {
        let program = self.program.display().to_string();
        if self.daemon.is_none() {
            return Ok(self.lab.host.command(&program, words));
        }
        let mut args = vec!["run"];
        args.extend(run_args);
        args.extend(["--", &program]);
        args.extend(words);
        Ok(self
            .lab
            .host
            .command(binaries::cofferdam()?, &self.lab.arguments(&args)))
    }

    /// The process that starts this attacker's.
    fn voice(&self, attacker: Attacker) -> Result<Rc<RefCell<Voice>>> {
        if let Some((_, voice)) = self.voices.borrow().iter().find(|(who, _)| *who == attacker) {
            return Ok(Rc::clone(voice));
        }
        let mut command = match attacker.origin {
            Origin::Container => self.exec(attackers_name(attacker.level), &["relay"])?,
            Origin::Process => {
                let mut args = vec!["--label", "app=attacker", "--label", OPEN];
                if attacker.level == Level::Strict {
                    args.extend(self.strictly);
                }
                self.command(&args, &["relay"])?
            }
        };
        let voice = Rc::new(RefCell::new(Voice::start(&self.lab.host, &mut command)?));
        self.voices.borrow_mut().push((attacker, Rc::clone(&voice)));
        Ok(voice)
    }

    /// The attack program in a running container.
    pub(super) fn exec(&self, container: &str, words: &[&str]) -> Result<Command> {
        let socket = format!("unix://{}", self.lab.engine.socket().display());
        let mut args = vec!["-H", &socket, "exec", "-i", container, "/attack"];
        args.extend(words);
        Ok(self.lab.host.command("docker", &args))
    }

    /// The attack program as a plain process of the host.
    pub(super) fn plain(&self, words: &str) -> Result<Seen> {
        let words: Vec<&str> = words.split(' ').collect();
        running::read(&self.lab.host.must(&self.program, &words)?)
    }

    pub(super) fn plain_command(&self, words: &[&str]) -> Command {
        self.lab.host.command(&self.program, words)
    }

    /// The attack program as the victim's friend, in a network of its own.
    pub(super) fn friend(&self, words: &str) -> Result<()> {
        let mut command = self.exec("friend", &words.split(' ').collect::<Vec<_>>())?;
        command.stdout(Stdio::piped());
        let child = self.lab.host.spawn(&mut command)?;
        finish(child, Instant::now(), Duration::from_secs(10))?
            .ok()
            .map(drop)
    }

    /// Puts a policy in force, or takes it away; it is so when this returns.
    pub(super) fn policy(&self, name: &str, text: Option<&str>) -> Result<()> {
        if self.daemon.is_none() {
            return Ok(());
        }
        let file = format!("{name}.yaml");
        let Some(text) = text else {
            return self.lab.cofferdam(&["policy", "remove", &file])?.ok().map(drop);
        };
        let path = self.shared(&file);
        fs::write(&path, text)?;
        self.lab
            .cofferdam(&["policy", "apply", &path.display().to_string()])?
            .ok()
            .map(drop)
    }

    /// Whether there is a record of this hook from the attacker.
    pub(super) fn is_recorded(&self, hook: &str) -> Result<bool> {
        if self.daemon.is_none() {
            return Ok(false);
        }
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(2) {
            let answer = self
                .lab
                .json(&["flows", "--from", "app=attacker", "--limit", "0"])?;
            let flows = answer["flows"].as_array().cloned().unwrap_or_default();
            if flows.iter().any(|flow| flow["hook"] == hook) {
                return Ok(true);
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(false)
    }

    fn filled(&self, words: &str, token: &str) -> String {
        let folder = self.folder.path().display().to_string();
        words
            .replace("{link}", &self.link_local)
            .replace("{lan}", &self.interface)
            .replace("{folder}", &folder)
            .replace("{port}", &(41_000 + self.next.get()).to_string())
            .replace("{token}", token)
    }

    /// A file that all of them see.
    pub(super) fn shared(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn token(&self) -> String {
        self.next.set(self.next.get() + 1);
        self.last()
    }

    /// The one before the next.
    pub(super) fn last(&self) -> String {
        format!("token-{:04}.", self.next.get())
    }

    pub(super) fn log(&self) -> PathBuf {
        self.shared("notes")
    }

    /// Who has noted the token, and where.
    fn arrived(&self, token: &str, patience: Duration) -> Option<String> {
        let start = Instant::now();
        loop {
            let notes = fs::read_to_string(self.log()).unwrap_or_default();
            if let Some(line) = notes.lines().find(|line| line.contains(token)) {
                let at: Vec<&str> = line.split(' ').take(2).collect();
                return Some(format!("arrived at {}", at.join(" ")));
            }
            if start.elapsed() > patience * times_slower() {
                return None;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn with_arrival(&self, mut seen: Seen, token: &str) -> Seen {
        if seen.effect.is_none() {
            let patience = if seen.outcome.contains(": E") {
                REFUSED
            } else if self.daemon.is_none() {
                MUST_ARRIVE
            } else {
                ARRIVES
            };
            seen.effect = self.arrived(token, patience);
        }
        seen
    }
}

/// How many times slower than hardware this machine may be: `COFFERDAM_SLOW` under emulation, else 1.
fn times_slower() -> u32 {
    let times = std::env::var("COFFERDAM_SLOW").ok();
    times.and_then(|times| times.parse().ok()).unwrap_or(1)
}

/// Writes a policy into the daemon's folder, as an editor does.
pub(super) fn write_policy(folder: &Path, name: &str, text: &str) -> Result<()> {
    let new = folder.join(format!(".{name}"));
    fs::write(&new, text)?;
    Ok(fs::rename(new, folder.join(format!("{name}.yaml")))?)
}
