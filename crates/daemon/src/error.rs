//! What can keep the daemon from starting: one clear line each, and a hint where there is something to do.

use std::path::PathBuf;

/// Why the daemon did not start or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A check before the start failed.
    #[error("{what}")]
    Preflight {
        /// The line.
        what: String,
        /// What to do.
        hint: String,
    },
    /// Another daemon holds the same state folder or pins.
    #[error("another cofferdam daemon{} already uses {}", pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default(), path.display())]
    Locked {
        /// The locked file.
        path: PathBuf,
        /// Who holds it, where that is known.
        pid: Option<u32>,
    },
    /// The configuration is not usable.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// The state file is not usable.
    #[error("{0}")]
    State(String),
    /// A file or socket of the daemon could not be used.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// The verb.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The data plane refused.
    #[error("{what}")]
    Datapath {
        /// The line.
        what: String,
        /// What to do, where that is known.
        hint: Option<String>,
    },
}

// === impl Error ===

impl Error {
    /// What the user can do about it, without the word `hint:`.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Preflight { hint, .. } => Some(hint.clone()),
            Self::Locked { .. } => Some(
                "stop that one first, or give this one its own --state-dir, --bpffs and --socket".to_owned(),
            ),
            Self::Config(error) => error.hint(),
            Self::State(_) => {
                Some("run the newer cofferdam, or move the file away to start afresh".to_owned())
            }
            Self::Datapath { hint, .. } => Some(
                hint.clone()
                    .unwrap_or_else(|| "`cofferdam doctor` lists what this kernel offers".to_owned()),
            ),
            Self::Io { .. } => None,
        }
    }

    /// From the data plane's own error, with its causes and its hint.
    pub(crate) fn datapath(error: &cofferdam_datapath::Error) -> Self {
        Self::Datapath {
            what: chain(error),
            hint: error.hint().map(str::to_owned),
        }
    }

    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        next = cause.source();
    }
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}
