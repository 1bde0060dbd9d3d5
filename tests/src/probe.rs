//! Attempts to reach somebody, made by `cofferdam-probe` inside a place.

use std::process::Child;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::binaries;
use crate::lab::Place;

/// What `cofferdam-probe try` prints.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Attempts {
    /// In the order they were made.
    pub attempts: Vec<Attempt>,
}

/// How one attempt ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attempt {
    /// Who answered.
    pub answer: Option<String>,
    /// Why nobody did.
    pub error: Option<String>,
    /// The number of `error`; none for a time-out of our own.
    pub errno: Option<i32>,
    /// Milliseconds until either.
    pub ms: f64,
}

/// What `cofferdam-probe burst` prints.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Burst {
    /// Connections that the server greeted.
    pub answered: u32,
    /// Connects that were refused with EPERM.
    pub refused: u32,
    /// What else became of one.
    pub other: u32,
}

/// The transport of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A TCP connection.
    Tcp,
    /// A TCP connection and a request for `/`.
    Http,
    /// A TCP connection and the first question of PostgreSQL's protocol.
    Postgres,
    /// A connected UDP socket.
    Udp,
    /// An unconnected UDP socket.
    SendTo,
}

/// "Operation not permitted": the refusal of a connect hook.
pub const EPERM: i32 = 1;

/// How long an attempt waits for an answer: longer than the retransmission of a SYN, which a new container may need.
pub const PATIENCE: Duration = Duration::from_millis(3000);

/// A denial that is slower than this is a hang to its user.
pub const INSTANT_MS: f64 = 100.0;

/// Tries `count` times from `place`.
pub fn attempt(place: &Place, kind: Kind, address: &str, count: u32) -> Result<Attempts> {
    let probe = binaries::probe()?;
    let text = place.must(&probe, &arguments(kind, address, count))?;
    serde_json::from_str(&text).with_context(|| format!("not what cofferdam-probe prints: {text}"))
}

/// The arguments of `cofferdam-probe` for such an attempt; for `docker exec`.
pub fn arguments(kind: Kind, address: &str, count: u32) -> Vec<String> {
    let patience = PATIENCE.as_millis().to_string();
    ["try", kind.word(), address, &count.to_string(), &patience]
        .map(String::from)
        .to_vec()
}

/// Starts a server that answers with `name`, and waits until it listens.
pub fn serve(place: &Place, name: &str, protocol: &str, address: &str) -> Result<Server> {
    let mut command = place.command(binaries::probe()?, &["serve", name, protocol, address]);
    Server::start(place, &mut command)
}

/// A process that ends with its guard.
pub struct Server(Child);

// === impl Kind ===

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Http => "http",
            Self::Postgres => "postgres",
            Self::Udp => "udp",
            Self::SendTo => "sendto",
        }
    }
}

// === impl Attempt ===

impl Attempt {
    /// Refused at once, by an error and not by silence.
    pub fn refused(&self) -> bool {
        self.errno.is_some() && self.ms < INSTANT_MS
    }
}

// === impl Attempts ===

impl Attempts {
    /// Whether each was answered by `name`.
    pub fn all_answered(&self, name: &str) -> bool {
        self.attempts.iter().all(|a| a.answer.as_deref() == Some(name))
    }

    /// Whether each was refused at once.
    pub fn all_refused(&self) -> bool {
        self.attempts.iter().all(Attempt::refused)
    }

    /// Whether each was refused, and most of them at once: for a machine whose processors have other things to do.
    pub fn refused_under_load(&self) -> bool {
        self.attempts.iter().all(|a| a.errno.is_some()) && self.median_ms() < INSTANT_MS
    }

    /// Whether none was answered, at once or not.
    pub fn none_answered(&self) -> bool {
        self.attempts.iter().all(|a| a.answer.is_none())
    }

    /// The median in milliseconds.
    pub fn median_ms(&self) -> f64 {
        let mut times: Vec<f64> = self.attempts.iter().map(|a| a.ms).collect();
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

// === impl Server ===

impl Server {
    /// Starts a command of `place` and waits for the line `ready`.
    pub fn start(place: &Place, command: &mut std::process::Command) -> Result<Self> {
        use std::io::{BufRead, BufReader};
        command
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped());
        let mut server = Self(place.spawn(command)?);
        let stdout = server.0.stdout.take().context("no stdout")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        anyhow::ensure!(line.trim() == "ready", "the server did not get ready: {line}");
        Ok(server)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Whether it still runs.
    pub fn alive(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
