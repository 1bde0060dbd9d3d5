//! What can go wrong between us and the kernel; each names the step, the source says why.

use std::io;
use std::path::PathBuf;

/// An error of the data plane.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program or map was refused; the verifier's last words are in the source.
    #[error("the kernel refused the BPF programs")]
    Load(#[source] libbpf_rs::Error),
    /// A hook did not take.
    #[error("cannot attach {program} to {to}")]
    Attach {
        /// Program's name in `bpf/cofferdam.bpf.c`.
        program: String,
        /// cgroup folder or tracepoint.
        to: String,
        /// The kernel's answer.
        #[source]
        source: libbpf_rs::Error,
    },
    /// A map operation failed.
    #[error("cannot {what} in map `{map}`")]
    Map {
        /// Name in `bpf/maps.h`.
        map: &'static str,
        /// `read`, `write` or `remove`.
        what: &'static str,
        /// The kernel's answer; `E2BIG` or `ENOSPC` is a full map.
        #[source]
        source: libbpf_rs::Error,
    },
    /// A pin could not be made or removed.
    #[error("cannot pin below {path}")]
    Pin {
        /// Path in bpffs.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: libbpf_rs::Error,
    },
    /// A file or folder of cgroup2, bpffs or proc.
    #[error("cannot {what} {path}")]
    File {
        /// `open`, `create`, `read` or `remove`.
        what: &'static str,
        /// Which one.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A network namespace could not be entered or asked.
    #[error("cannot enter the network namespace")]
    Namespace(#[source] io::Error),
    /// Not 64 hexadecimal digits.
    #[error("`{0}` is not a container id of 64 hexadecimal digits")]
    ContainerId(String),
    /// A pinned map has another shape: another build made it.
    #[error("{0} was made by another build of Cofferdam")]
    Foreign(PathBuf),
    /// Two rotations of the key within [`KEY_DISTANCE`](crate::KEY_DISTANCE).
    #[error("the key has been changed just now")]
    TooSoon,
    /// Nothing of ours is pinned there.
    #[error("no data plane is loaded below {0}")]
    NotLoaded(PathBuf),
}

impl Error {
    pub(crate) fn file(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }

    pub(crate) fn map(map: &'static str, what: &'static str) -> impl FnOnce(libbpf_rs::Error) -> Self {
        move |source| Self::Map { map, what, source }
    }

    /// What the user can do about it, if anything.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Load(_) => {
                Some("Cofferdam needs root and Linux 6.1 or newer with BTF (/sys/kernel/btf/vmlinux)")
            }
            Self::Attach { .. } => {
                Some("is this a cgroup2 folder, and does the kernel have CONFIG_CGROUP_BPF?")
            }
            Self::Pin { .. } => Some("is bpffs mounted? `mount -t bpf bpf /sys/fs/bpf`"),
            Self::Foreign(_) => {
                Some("`cofferdam daemon stop --open` removes it; enforcement starts again with the daemon")
            }
            Self::TooSoon => Some("wait a second: what the keys before have signed must have arrived"),
            Self::NotLoaded(_) => Some("nothing is enforced there; was the daemon ever started?"),
            _ => None,
        }
    }
}
