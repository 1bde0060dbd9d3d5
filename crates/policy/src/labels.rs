//! Labels: how one is written, which ones say who a workload is, and which ones are directives to Cofferdam.
//!
//! Does not know images or runtimes: `crates/workload` subtracts their labels before these functions see any.

use crate::containment::{self, Declared};
use crate::items::ValueError;
use crate::openings;
use crate::{DefaultProfile, Direction, Labels, Mode, NamedPort, Opening, POSTURES, Protocol, trial};

#[cfg(test)]
mod tests;

/// The label keys that make an identity. The configuration may add keys; nothing takes one away.
pub const IDENTITY_KEYS: [&str; 7] = [
    "app",
    "role",
    "tier",
    "env",
    "app.kubernetes.io/name",
    "app.kubernetes.io/component",
    "app.kubernetes.io/part-of",
];

/// `cofferdam.label.KEY=VALUE` is the identity label `KEY=VALUE`.
pub const IDENTITY_PREFIX: &str = "cofferdam.label.";

/// Keys that runtimes and build tools write. They say how a container came to be, not who it is.
const RUNTIME_PREFIXES: [&str; 11] = [
    "com.docker.",
    "desktop.docker.io/",
    "org.opencontainers.",
    "org.label-schema.",
    "io.podman.",
    "io.buildah.",
    "io.containers.",
    "io.containerd.",
    "io.cri-containerd.",
    "io.kubernetes.",
    "org.mobyproject.",
];

const DIRECTIVE_PREFIX: &str = "cofferdam.";
const PROTECT: &str = "cofferdam.protect";
/// Whether its denials are carried out.
pub const MODE: &str = "cofferdam.mode";
/// The posture of one workload.
pub const PROFILE: &str = "cofferdam.profile";
/// `cofferdam.port.NAME=PORT` gives a port a name for policies.
/// Before the name of a port, in the key of the label that gives it.
pub const PORT_PREFIX: &str = "cofferdam.port.";
const DIRECTIVES: [&str; 5] = [PROTECT, MODE, PROFILE, openings::INGRESS, openings::EGRESS];
const MAX_KEY: usize = 253;
const MAX_VALUE: usize = 1024;

/// What is wrong with a label. `Display` is one line; [`LabelError::hint`] says what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// There is no `=`.
    #[error("label {0:?} is not KEY=VALUE")]
    NoValue(String),
    /// Nothing stands before the `=`.
    #[error("label {0:?} has no key")]
    NoKey(String),
    /// Nothing stands after the `=`.
    #[error("label {0:?} has an empty value")]
    EmptyValue(String),
    /// The key holds a character that no key may hold.
    #[error("label {text:?}: column {column}: a key cannot contain {found:?}")]
    KeyCharacter {
        /// The whole label.
        text: String,
        /// Where, counted in characters from 1.
        column: usize,
        /// What stands there.
        found: char,
    },
    /// The value holds a control character.
    #[error("label {text:?}: column {column}: a value cannot contain {found:?}")]
    ValueCharacter {
        /// The whole label.
        text: String,
        /// Where, counted in characters from 1.
        column: usize,
        /// What stands there.
        found: char,
    },
    /// Key or value is too long.
    #[error("label {0:?}… is too long")]
    TooLong(String),
    /// A directive has a value that it does not know.
    #[error("label {key}={value:?} is not understood")]
    Directive {
        /// The directive's key.
        key: &'static str,
        /// What was given.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
    /// A `cofferdam.port.NAME` whose value is no port.
    #[error("label {key}={value:?} is no port")]
    Port {
        /// The label's key.
        key: String,
        /// What was given.
        value: String,
    },
    /// A posture that there is not.
    #[error("label {PROFILE}={0:?}: there is no such posture")]
    Profile(String),
    /// A `cofferdam.` key that no version of Cofferdam knows.
    #[error("label {0} is unknown")]
    UnknownDirective(String),
    /// A value that does not parse: of openings, of containment.
    #[error(transparent)]
    Value(#[from] ValueError),
}

/// What the `cofferdam.*` labels of one workload ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// `cofferdam.protect`: protected even without an identity label, or not protected in spite of one.
    pub protect: Option<bool>,
    /// `cofferdam.mode`.
    pub mode: Option<Mode>,
    /// `cofferdam.profile`.
    pub profile: Option<DefaultProfile>,
    /// `cofferdam.port.NAME`, by name.
    pub ports: Vec<NamedPort>,
    /// `cofferdam.ingress`, then `cofferdam.egress`. A label that does not parse opens nothing at all.
    pub openings: Vec<Opening>,
    /// `cofferdam.contain` and its kin.
    pub containment: Declared,
    /// What could not be understood; the rest holds.
    pub problems: Vec<LabelError>,
}

/// Parses `KEY=VALUE` as given on a command line or in the configuration.
///
/// # Errors
/// The first defect found, with its place.
pub fn parse(text: &str) -> Result<(String, String), LabelError> {
    let Some((key, value)) = text.split_once('=') else {
        return Err(LabelError::NoValue(text.to_owned()));
    };
    if key.is_empty() {
        return Err(LabelError::NoKey(text.to_owned()));
    }
    // Nothing is declared, too: no ports, no interfaces.
    if value.is_empty() && !containment::KEYS.contains(&key) {
        return Err(LabelError::EmptyValue(text.to_owned()));
    }
    if key.len() > MAX_KEY || value.len() > MAX_VALUE {
        return Err(LabelError::TooLong(text.chars().take(40).collect()));
    }
    if let Some((index, found)) = key.chars().enumerate().find(|(_, c)| !key_character(*c)) {
        return Err(LabelError::KeyCharacter {
            text: text.to_owned(),
            column: index + 1,
            found,
        });
    }
    if let Some((index, found)) = value.chars().enumerate().find(|(_, c)| c.is_control()) {
        let column = key.chars().count() + index + 2;
        return Err(LabelError::ValueCharacter {
            text: text.to_owned(),
            column,
            found,
        });
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// The labels that say who a workload is: those with a key of [`IDENTITY_KEYS`] or of `extra_keys`, and
/// `cofferdam.label.KEY` as `KEY`, which wins over a plain `KEY`.
///
/// An empty value does not count: it is what compose makes of an unset variable, and would make all who forgot
/// it friends.
#[must_use]
pub fn identity_labels(labels: &Labels, extra_keys: &[String]) -> Labels {
    let listed = labels.iter().filter(|(key, _)| {
        IDENTITY_KEYS.contains(&key.as_str()) || extra_keys.iter().any(|extra| extra == *key)
    });
    let explicit = labels
        .iter()
        .filter_map(|(key, value)| Some((explicit_key(key)?, value)));
    listed
        .map(|(key, value)| (key.as_str(), value))
        .chain(explicit)
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| (key.to_owned(), value.clone()))
        .collect()
}

/// The labels that selectors see: all that the creator gave but for directives, with the identity labels laid
/// over them. This is what [`crate::Identity::labels`] holds.
#[must_use]
pub fn selectable(labels: &Labels, extra_keys: &[String]) -> Labels {
    let plain = labels
        .iter()
        .filter(|(key, _)| !key.starts_with(DIRECTIVE_PREFIX));
    let mut seen: Labels = plain.map(|(key, value)| (key.clone(), value.clone())).collect();
    seen.extend(identity_labels(labels, extra_keys));
    seen
}

/// The key is a runtime's or a build tool's own: no selector sees it.
#[must_use]
pub fn is_runtimes(key: &str) -> bool {
    RUNTIME_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

/// Reads the `cofferdam.*` labels of a workload.
#[must_use]
pub fn directives(labels: &Labels) -> Directives {
    let mut found = Directives::default();
    for (key, value) in labels.iter().filter(|(key, _)| key.starts_with(DIRECTIVE_PREFIX)) {
        if let Err(problem) = directive(&mut found, key, value) {
            found.problems.push(problem);
        }
    }
    found.openings.sort_by_key(|opening| opening.direction);
    found
}

fn directive(found: &mut Directives, key: &str, value: &str) -> Result<(), LabelError> {
    match key {
        PROTECT => found.protect = Some(protect(value)?),
        MODE => found.mode = Some(mode(value)?),
        PROFILE => found.profile = Some(profile(value)?),
        openings::INGRESS => found.openings.extend(openings::parse(Direction::Ingress, value)?),
        openings::EGRESS => found.openings.extend(openings::parse(Direction::Egress, value)?),
        _ if containment::KEYS.contains(&key) => found.containment.declare(key, value)?,
        _ if key.starts_with(PORT_PREFIX) => found.ports.push(named_port(key, value)?),
        _ if explicit_key(key).is_some() => {}
        _ => return Err(LabelError::UnknownDirective(key.to_owned())),
    }
    Ok(())
}

fn protect(value: &str) -> Result<bool, LabelError> {
    let expected = "cofferdam.protect=true or cofferdam.protect=false";
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(LabelError::Directive {
            key: PROTECT,
            value: value.to_owned(),
            expected,
        }),
    }
}

fn mode(value: &str) -> Result<Mode, LabelError> {
    let expected = "cofferdam.mode=enforce or cofferdam.mode=observe";
    match value {
        "enforce" => Ok(Mode::Enforce),
        "observe" => Ok(Mode::Observe),
        _ => Err(LabelError::Directive {
            key: MODE,
            value: value.to_owned(),
            expected,
        }),
    }
}

fn profile(value: &str) -> Result<DefaultProfile, LabelError> {
    DefaultProfile::named(value).ok_or_else(|| LabelError::Profile(value.to_owned()))
}

fn named_port(key: &str, value: &str) -> Result<NamedPort, LabelError> {
    let wrong = || LabelError::Port {
        key: key.to_owned(),
        value: value.to_owned(),
    };
    let name = key.strip_prefix(PORT_PREFIX).filter(|name| !name.is_empty());
    let (protocol, port) = trial::port(value).ok_or_else(wrong)?;
    if port == 0 || [Protocol::ICMP, Protocol::ICMP6].contains(&protocol) {
        return Err(wrong());
    }
    let name = name.ok_or_else(wrong)?.to_owned();
    Ok(NamedPort { name, protocol, port })
}

fn explicit_key(key: &str) -> Option<&str> {
    key.strip_prefix(IDENTITY_PREFIX).filter(|rest| !rest.is_empty())
}

/// Keys stay printable in one word and free of the signs that the opening grammar needs.
fn key_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/')
}

// === impl LabelError ===

impl LabelError {
    /// It is about `cofferdam.protect`, where what is not understood protects.
    #[must_use]
    pub fn is_protect(&self) -> bool {
        matches!(self, Self::Directive { key, .. } if *key == PROTECT)
    }

    /// The key of the directive that is not understood.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Directive { key, .. } => Some(key),
            Self::Port { key, .. } | Self::UnknownDirective(key) => Some(key),
            Self::Profile(_) => Some(PROFILE),
            Self::Value(error) => Some(error.label),
            _ => None,
        }
    }

    /// What would be right, without the word `hint`.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NoValue(text) => format!("write {}=VALUE, for example --label app=web", text.trim()),
            Self::NoKey(_) | Self::TooLong(_) => "write KEY=VALUE, for example --label app=web".to_owned(),
            Self::EmptyValue(text) => format!("write {text}VALUE; an empty value identifies nobody"),
            Self::KeyCharacter { .. } => "keys consist of letters, digits, '.', '_', '-' and '/'".to_owned(),
            Self::ValueCharacter { .. } => "remove the control character".to_owned(),
            Self::Directive { expected, .. } => format!("write {expected}"),
            Self::Port { .. } => format!("write {PORT_PREFIX}http=80, or {PORT_PREFIX}dns=53/udp"),
            Self::Profile(_) => format!("write one of {}", POSTURES.map(DefaultProfile::name).join(", ")),
            Self::UnknownDirective(key) => unknown_hint(key),
            Self::Value(error) => error.hint(),
        }
    }
}

fn unknown_hint(key: &str) -> String {
    let known = [&DIRECTIVES[..], &containment::KEYS].concat().join(", ");
    format!("{key} does nothing; the known ones are {known}, {PORT_PREFIX}NAME and {IDENTITY_PREFIX}KEY")
}
