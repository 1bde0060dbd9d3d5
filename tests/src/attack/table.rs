//! What stops what: the table that `docs/attacks.md` shows and that every run is compared with.

use serde::Serialize;

use super::{Kernel, Level, Origin};

/// What the table says of one attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum Answer {
    /// It has no effect.
    Stopped {
        /// What stops it.
        by: &'static str,
    },
    /// It works, and is recorded.
    Seen {
        /// What would stop it.
        close: &'static str,
    },
    /// It works.
    Open {
        /// Why it is not stopped.
        why: &'static str,
        /// What would stop it; empty where nothing does.
        close: &'static str,
    },
}

/// The answers to one attack. What is more particular wins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answers {
    /// Without a word about containment.
    pub(super) default: Answer,
    /// With `strict`.
    pub(super) strict: Answer,
    /// With `strict` where BPF LSM is in force.
    pub(super) strict_lsm: Option<Answer>,
    /// With `strict`, from a process of `cofferdam run`.
    pub(super) strict_run: Option<Answer>,
    /// From a container, at every level: what Docker does itself.
    pub(super) container: Option<Answer>,
}

pub(super) const fn stopped(by: &'static str) -> Answer {
    Answer::Stopped { by }
}

pub(super) const fn seen(close: &'static str) -> Answer {
    Answer::Seen { close }
}

pub(super) const fn open(why: &'static str, close: &'static str) -> Answer {
    Answer::Open { why, close }
}

/// A strict `cofferdam run` takes it from itself before the command starts.
pub(super) const GIVEN_UP: Answer = stopped("capabilities and seccomp of `cofferdam run`");

// === impl Answers ===

impl Answers {
    /// The same everywhere.
    pub(super) const fn always(answer: Answer) -> Self {
        Self::levels(answer, answer)
    }

    /// By level alone.
    pub(super) const fn levels(default: Answer, strict: Answer) -> Self {
        Self {
            default,
            strict,
            strict_lsm: None,
            strict_run: None,
            container: None,
        }
    }

    /// As it is, but containers are stopped by Docker.
    pub(super) const fn but_docker(self, by: &'static str) -> Self {
        Self {
            container: Some(stopped(by)),
            ..self
        }
    }

    /// As it is, but a strict process has given up what it needs.
    pub(super) const fn but_run(self) -> Self {
        Self {
            strict_run: Some(GIVEN_UP),
            ..self
        }
    }

    /// Sockets that no cgroup hook sees when they are made.
    pub(super) const fn made(default: Answer, close: &'static str) -> Self {
        Self {
            default,
            strict: open(
                "no hook of this kernel sees it; with BPF LSM it is stopped",
                close,
            ),
            strict_lsm: Some(stopped("LSM socket_create")),
            strict_run: Some(GIVEN_UP),
            container: None,
        }
    }

    /// What this kernel makes of it.
    pub(super) fn of(&self, level: Level, origin: Origin, kernel: Kernel) -> Answer {
        if let (Origin::Container, Some(answer)) = (origin, self.container) {
            return answer;
        }
        if level == Level::Default {
            return self.default;
        }
        let run = self.strict_run.filter(|_| origin == Origin::Process);
        let lsm = self.strict_lsm.filter(|_| kernel.lsm);
        run.or(lsm).unwrap_or(self.strict)
    }
}
