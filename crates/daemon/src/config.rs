//! `config.toml`: read, checked, located errors. Says nothing about what the values do; `docs/config.md` does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cofferdam_policy::containment::Level;
use cofferdam_policy::labels::LabelError;
use cofferdam_policy::{DefaultProfile, Labels, Mode};
use jiff::{Span, SpanRelativeTo};
use serde::Deserialize;

mod export;
mod flows;
mod keys;
mod metrics;
mod policy;
#[cfg(test)]
mod tests;
mod units;

pub use export::{AlertKind, Export, Headers, Journald, Json, Otlp, Webhook, Which};
pub use flows::{Flows, Wanted};
pub use keys::Keys;
pub use metrics::Metrics;
pub use policy::{Established, Policy};
pub use units::Unit;

/// The whole file. Every field has a default, so an empty file is a good one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The posture of workloads that no policy selects.
    pub default: DefaultProfile,
    /// Whether verdicts bind, for every workload.
    pub mode: Mode,
    /// How much is refused that nobody declared, on the host's network.
    pub contain: Level,
    /// Label keys that say who a workload is, besides the built-in ones.
    pub identity_keys: Vec<String>,
    /// What an unannounced container's cgroup is while no daemon lives.
    pub on_dead: OnDead,
    /// Docker.
    pub docker: Docker,
    /// The API's socket.
    pub socket: Socket,
    /// The flow store.
    pub flows: Flows,
    /// The keys that sign handshakes.
    pub keys: Keys,
    /// Where policies lie, and what a change of them does.
    pub policy: Policy,
    /// What Prometheus scrapes.
    pub metrics: Metrics,
    /// Where flow records go besides the daemon's store.
    pub export: Export,
    /// Who is told of alerts.
    pub webhook: Vec<Webhook>,
    /// Who besides root may claim which labels with `run`.
    pub allow: Vec<Allow>,
    /// Systemd units, or any other cgroup, to protect.
    pub unit: Vec<Unit>,
    /// Containers to protect by name.
    pub protect: Vec<Protect>,
}

/// What a container's cgroup that nobody announced is, while no daemon lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnDead {
    /// A stranger.
    #[default]
    Open,
    /// Pending: it reaches no protected workload until a daemon has seen it.
    Closed,
}

/// `[docker]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Docker {
    /// The engine's socket.
    pub socket: Option<PathBuf>,
    /// cgroup v2 folders below which it makes cgroups.
    pub cgroup_parents: Vec<PathBuf>,
}

/// `[socket]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Socket {
    /// The group that may read; root alone where it does not exist.
    pub group: String,
}

/// `[[allow]]`: these users or this group may give these labels to what they `run`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Allow {
    /// Members of this group.
    pub group: Option<String>,
    /// This user.
    pub user: Option<String>,
    /// `key=value`, or `key=*` for any value.
    pub labels: Vec<String>,
    /// Policy namespaces they may name.
    #[serde(default = "default_namespaces")]
    pub namespaces: Vec<String>,
}

/// `[[protect]]`: a container by name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Protect {
    /// The container's name.
    pub name: String,
    /// Labels it is given on top of its own.
    #[serde(default)]
    pub labels: Labels,
}

/// Why a configuration is not usable: where, what, and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file does not parse.
    #[error("{}:{line}:{column}: {what}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong.
        what: String,
    },
    /// The file parses and means nothing sensible.
    #[error("{}: {what}", path.display())]
    Meaning {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the table it is in.
        what: String,
        /// What would be right.
        hint: String,
    },
    /// What a unit declares of the host's network is not understood.
    #[error("{}: [[unit]] number {number}: {source}", path.display())]
    Declared {
        /// The file.
        path: PathBuf,
        /// Which unit, from 1.
        number: usize,
        /// What is wrong with the label that the key stands for.
        source: Box<LabelError>,
    },
}

/// Reads and checks a configuration file; an absent file is an error here.
pub fn check(path: &Path) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse(path, &text)
}

/// As [`check`], but the default file may be absent.
pub(crate) fn load(path: &Path) -> Result<Config, ConfigError> {
    match check(path) {
        Err(ConfigError::Read { source, .. })
            if source.kind() == std::io::ErrorKind::NotFound && path == Path::new(crate::Options::CONFIG) =>
        {
            Ok(Config::default())
        }
        other => other,
    }
}

fn parse(path: &Path, text: &str) -> Result<Config, ConfigError> {
    let config: Config = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let (line, column) = locate(text, offset);
        ConfigError::Parse {
            path: path.to_owned(),
            line,
            column,
            what: one_line(error.message()),
        }
    })?;
    validate(&config).map_err(|(what, hint)| ConfigError::Meaning {
        path: path.to_owned(),
        what,
        hint,
    })?;
    match units::not_understood(&config.unit) {
        None => Ok(config),
        Some((number, source)) => Err(ConfigError::Declared {
            path: path.to_owned(),
            number,
            source: Box::new(source),
        }),
    }
}

fn locate(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    (line, column)
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first thing that makes no sense, and what would.
fn validate(config: &Config) -> Result<(), (String, String)> {
    let wrong = |what: String, hint: &str| Err((what, hint.to_owned()));
    if !(100..=1_000_000).contains(&config.flows.keep) {
        return wrong(
            format!("flows.keep = {} is out of range", config.flows.keep),
            "100 to 1000000",
        );
    }
    metrics::validate(&config.metrics)?;
    export::validate(&config.export, &config.webhook)?;
    for (index, allow) in config.allow.iter().enumerate() {
        if allow.group.is_some() == allow.user.is_some() {
            return wrong(
                format!("[[allow]] number {} needs a group or a user", index + 1),
                "group = \"developers\"",
            );
        }
        if let Some(bad) = allow
            .labels
            .iter()
            .find(|label| label.split_once('=').is_none_or(|(key, _)| key.is_empty()))
        {
            return wrong(
                format!("[[allow]] number {}: `{bad}` is no label", index + 1),
                "key=value, or key=* for any value",
            );
        }
    }
    units::validate(&config.unit)?;
    match config.protect.iter().position(|protect| protect.name.is_empty()) {
        Some(index) => wrong(
            format!("[[protect]] number {} has an empty name", index + 1),
            "name = \"nginx\"",
        ),
        None => Ok(()),
    }
}

fn default_namespaces() -> Vec<String> {
    vec!["default".to_owned()]
}

// === impl Socket ===

impl Default for Socket {
    fn default() -> Self {
        Self {
            group: "cofferdam".to_owned(),
        }
    }
}

/// `1d12h` → a time.
fn time(text: &str) -> Option<Duration> {
    let span = text.parse::<Span>().ok()?;
    let time = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(time).ok()
}

// === impl ConfigError ===

impl ConfigError {
    /// What would be right.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read { .. } => {
                Some("an empty file is a valid configuration; docs/config.md lists every key".to_owned())
            }
            Self::Parse { .. } => {
                Some("docs/config.md lists every key; dist/config.toml is an example".to_owned())
            }
            Self::Meaning { hint, .. } => Some(format!("write {hint}")),
            Self::Declared { source, .. } => Some(source.hint()),
        }
    }
}
