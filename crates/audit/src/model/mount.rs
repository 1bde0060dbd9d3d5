//! Mounts: the short syntax, and what a path of the host really is.

use serde::Serialize;

use crate::position::Position;

/// What is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MountKind {
    /// A path of the host.
    Bind,
    /// A volume, named or not.
    Volume,
    /// Memory.
    Tmpfs,
    /// Anything else: an image, a named pipe, a cluster volume.
    Other,
}

/// One entry of `volumes:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// What.
    pub kind: MountKind,
    /// A path of the host or a volume's name.
    pub source: Option<String>,
    /// The path of the host behind a named volume that binds one.
    pub device: Option<String>,
    /// The path in the container.
    pub target: String,
    /// Read-only.
    pub read_only: bool,
    /// Where it is written.
    pub at: Position,
}

// === impl Mount ===

impl Mount {
    /// `[source:]target[:options]`.
    pub fn parse(text: &str, at: &Position) -> Option<Self> {
        let mut parts = split(text);
        if parts.iter().any(|part| part.is_empty()) && parts.len() > 1 {
            parts.retain(|part| !part.is_empty());
        }
        let (source, target, options) = match parts.as_slice() {
            [target] => (None, *target, ""),
            [source, target] => (Some(*source), *target, ""),
            [source, target, options, ..] => (Some(*source), *target, *options),
            [] => return None,
        };
        let kind = match source {
            Some(source) if is_path(source) => MountKind::Bind,
            _ => MountKind::Volume,
        };
        Some(Self {
            kind,
            source: source.map(str::to_owned),
            device: None,
            target: clean(target),
            read_only: options.split(',').any(|option| option.trim() == "ro"),
            at: at.clone(),
        })
    }

    /// The path of the host that the container sees, cleaned.
    pub fn host_path(&self) -> Option<String> {
        let path = match self.kind {
            MountKind::Bind => self.source.as_deref(),
            _ => self.device.as_deref(),
        }?;
        Some(clean(path))
    }

    /// The host's path is `path` or holds it: `/run` holds `/run/docker.sock`.
    pub fn holds(&self, path: &str) -> bool {
        let Some(mine) = self.host_path() else {
            return false;
        };
        mine == path || mine == "/" || path.strip_prefix(&mine).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// A path as opposed to a volume's name.
pub(crate) fn is_path(source: &str) -> bool {
    source.starts_with(['/', '.', '~', '\\']) || drive(source)
}

/// `C:\…` or `C:/…`.
fn drive(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && matches!(bytes[2], b'\\' | b'/')
}

/// At colons, but for those behind a drive's letter.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let skip = if drive(rest) { 2 } else { 0 };
        match rest[skip..].find(':') {
            Some(colon) => {
                parts.push(rest[..skip + colon].trim());
                rest = &rest[skip + colon + 1..];
            }
            None => {
                parts.push(rest.trim());
                return parts;
            }
        }
    }
}

/// Without `.`, `..`, doubled and trailing slashes.
pub(crate) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if matches!(parts.last(), None | Some(&"..")) && !rooted {
                    parts.push("..");
                } else {
                    parts.pop();
                }
            }
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}
