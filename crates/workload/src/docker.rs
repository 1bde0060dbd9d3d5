//! Docker Engine as a stream of [`Change`]s: connects, negotiates, lists, follows events, and does so again for ever.
//!
//! `engine` asks, `decode` (with `labels`, `ports`, `sketch`, `swarm`) reads the answers and is pure, `table` knows who joined whom and
//! what was already said, `session` drives them while one connection lasts.

mod decode;
mod engine;
mod event;
mod labels;
mod listing;
mod ports;
mod session;
mod sketch;
mod swarm;
mod table;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::{Container, ContainerId};

/// Where Docker is and how patiently it is sought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerConfig {
    /// The engine's unix socket.
    pub socket: PathBuf,
    /// The first pause before a new attempt; it doubles up to `backoff_max`.
    pub backoff_min: Duration,
    /// The longest pause between attempts.
    pub backoff_max: Duration,
    /// How long one answer may take. An inspection waits while the engine starts that container.
    pub answer_within: Duration,
}

/// What changed at the engine. Every variant is the whole truth about its subject: nothing has to be merged.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The engine answers. A [`Change::Resync`] follows.
    Connected(EngineInfo),
    /// The engine does not answer (any more), with the reason in one line. Sent once per outage, and once at the start
    /// where there is no Docker; what was known stays true as far as anybody knows.
    Disconnected(String),
    /// All containers and the subnets of all networks, after each connection and whenever the networks change.
    Resync {
        /// Every container, whatever its state. Those that are not in it are gone.
        containers: Vec<Container>,
        /// The subnets of all of Docker's networks, sorted, each once.
        subnets: Vec<IpNet>,
    },
    /// A container is new or changed. Sent at `create`, before its cgroup exists, and on each later change.
    Upsert(Box<Container>),
    /// A container was removed.
    Gone(ContainerId),
    /// Something that the user should read in the log; the stream goes on.
    Trouble(String),
}

/// Which engine answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineInfo {
    /// Its version, e.g. `20.10.24+dfsg1`.
    pub version: String,
    /// The negotiated API version, e.g. `1.41`.
    pub api_version: String,
    /// `cgroupfs` or `systemd` (or `none`, rootless).
    pub cgroup_driver: String,
    /// `1` or `2`: the hierarchy its containers' controllers are on.
    pub cgroup_version: String,
    /// `--cgroup-parent` on the engine's command line, where it can be read.
    pub cgroup_parent: Option<String>,
}

/// The oldest API that the reading of inspections was written and tested for (Docker 20.10).
const OLDEST_API: (u32, u32) = (1, 41);

// === impl EngineInfo ===

impl EngineInfo {
    /// Whether the engine speaks an API that is older than what Cofferdam knows. A version that cannot be read is not.
    pub fn is_too_old(&self) -> bool {
        let parts = self.api_version.split_once('.');
        let version = parts.and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
        version.is_some_and(|version| version < OLDEST_API)
    }
}

/// Follows the engine and sends what changes, for ever; returns when the receiver is dropped. No Docker is no error: it is
/// picked up when its socket appears.
pub async fn watch(config: DockerConfig, changes: mpsc::Sender<Change>) {
    let mut table = table::Table::default();
    let mut pause = config.backoff_min;
    let mut reported = false;
    loop {
        let seen = socket_stamp(&config.socket);
        match session::run(&config, &mut table, &changes).await {
            session::End::ReceiverGone => return,
            session::End::Lost { reason, answered } => {
                if answered {
                    pause = config.backoff_min;
                    reported = false;
                }
                if !reported && changes.send(Change::Disconnected(reason)).await.is_err() {
                    return;
                }
                reported = true;
            }
        }
        tokio::select! {
            () = changes.closed() => return,
            () = wait_for_socket(&config.socket, seen, pause) => {}
        }
        pause = (pause * 2).min(config.backoff_max);
    }
}

/// Which file the socket's path names; a restarted engine makes a new one.
type SocketStamp = Option<(u64, u64, i64, i64)>;

fn socket_stamp(socket: &Path) -> SocketStamp {
    let facts = std::fs::metadata(socket).ok()?;
    Some((facts.dev(), facts.ino(), facts.ctime(), facts.ctime_nsec()))
}

/// Returns after `pause`, or as soon as the path names another file than before: an engine that was just installed or
/// restarted does not wait for the end of a long pause.
async fn wait_for_socket(socket: &Path, seen: SocketStamp, pause: Duration) {
    const LOOK_EVERY: Duration = Duration::from_millis(250);
    let end = Instant::now() + pause;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(LOOK_EVERY)).await;
        let now = socket_stamp(socket);
        if now.is_some() && now != seen {
            return;
        }
    }
}

// === impl DockerConfig ===

impl Default for DockerConfig {
    fn default() -> Self {
        Self {
            socket: PathBuf::from("/var/run/docker.sock"),
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(5),
            answer_within: Duration::from_secs(30),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_versions_are_compared_by_number() {
        let old = |text: &str| {
            EngineInfo {
                api_version: text.to_owned(),
                ..EngineInfo::default()
            }
            .is_too_old()
        };
        assert!(old("1.40") && old("1.9"));
        assert!(!old("1.41") && !old("1.100") && !old("2.0") && !old(""));
    }
}
