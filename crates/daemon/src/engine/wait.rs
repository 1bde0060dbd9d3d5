//! What the loop waits for.

use std::os::fd::OwnedFd;
use std::time::Instant;

use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Engine;
use crate::Error;

/// What is readable when something happened; a watch that could not be had is none.
pub(super) struct Watches {
    /// Records of the data plane.
    pub(super) events: AsyncFd<OwnedFd>,
    /// Where units start.
    pub(super) units: Option<AsyncFd<OwnedFd>>,
    /// The policy folder.
    pub(super) folder: Option<AsyncFd<OwnedFd>>,
}

// === impl Engine ===

impl Engine {
    pub(super) fn watches(&self) -> Result<Watches, Error> {
        let events = self.enforcer.event_handle().and_then(readable);
        let units = self
            .unit_watch
            .handle()
            .and_then(|watch| watch.map(readable).transpose());
        let folder = self
            .folder
            .handle()
            .and_then(|watch| watch.map(readable).transpose());
        Ok(Watches {
            events: events.map_err(Error::io("wait for events of", &self.options.bpffs))?,
            units: units.map_err(Error::io("wait for units below", &self.cgroup2))?,
            folder: folder.map_err(Error::io("wait for policies in", self.policies.folder()))?,
        })
    }
}

#[expect(
    deprecated,
    reason = "its successor is unsafe; this descriptor is owned, and so outlives its registration"
)]
fn readable(descriptor: OwnedFd) -> std::io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(descriptor)
}

/// Returns when a watch has something to say; never without one.
pub(super) async fn heard(watch: Option<&AsyncFd<OwnedFd>>) {
    let ready = match watch {
        Some(watch) => watch.readable().await,
        None => std::future::pending().await,
    };
    if let Ok(mut ready) = ready {
        ready.clear_ready();
    }
}

/// Returns then; never without a time.
pub(super) async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

pub(super) fn listen(kind: SignalKind) -> Result<Signal, Error> {
    signal(kind).map_err(Error::io("catch signals of", "/proc/self"))
}
