//! The scenario table, `tests/scenarios/*.toml`: who is on the host, who tries to reach whom, and what must happen.
//!
//! One file runs through three engines: [`crate::decide`], the compiled decision in the kernel, and real sockets. This
//! module reads it and says what to expect; `tests/scenarios/README.md` documents the format.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;

use crate::labels::LabelError;
use crate::{
    Action, Attempt, DefaultProfile, Direction, End, Labels, PeerClass, Protocol, Reason, RuleText, Verdict,
    World,
};

mod build;
#[cfg(test)]
mod tests;

/// A parsed scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it shows.
    pub title: String,
    /// The compiled inputs: one subject for workloads that are alike.
    pub world: World,
    /// Workloads by name.
    pub workloads: BTreeMap<String, Workload>,
    /// Strangers by name; `host` is always there.
    pub strangers: BTreeMap<String, Stranger>,
    /// What is tried, in order.
    pub cases: Vec<Case>,
}

/// A container or a process.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Workload {
    /// The labels that its creator gave, directives included.
    #[serde(default)]
    pub labels: Labels,
    /// Its policy namespace.
    #[serde(default = "default_namespace")]
    pub namespace: String,
    /// Which network it has.
    #[serde(default)]
    pub network: Network,
    /// Published ports as `docker run -p` takes them.
    #[serde(default)]
    pub publish: Vec<String>,
    /// Its resolvers.
    #[serde(default)]
    pub resolvers: Vec<IpAddr>,
    /// Its address: where it is dialled, and who it is while unprotected. By default 127.0.0.1.
    pub address: Option<IpAddr>,
    /// Names of its ports: `http = "80/tcp"`.
    #[serde(default)]
    pub ports: BTreeMap<String, String>,
    /// Its own posture.
    pub profile: Option<DefaultProfile>,
    /// Its labels are not known yet.
    #[serde(default)]
    pub pending: bool,
    /// Its end in attempts; filled in by [`Scenario::parse`].
    #[serde(skip, default = "pending_end")]
    pub end: End,
}

/// The network of a workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// The host's.
    #[default]
    Host,
    /// A namespace of its own, with a route to the host.
    Own,
}

/// Somebody unprotected.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Stranger {
    /// Where it is.
    pub address: IpAddr,
}

/// One attempt and what must come of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// Name of the workload or stranger that starts.
    pub from: String,
    /// Name of the one that is reached.
    pub to: String,
    /// The attempt, for engines that work on numbers.
    pub attempt: Attempt,
    /// For real sockets: the address that is dialled, where it is not the receiver's own.
    pub dial: Option<IpAddr>,
    /// For real sockets: the address that the receiver listens on, where it is not the unspecified one of the family.
    pub listen: Option<IpAddr>,
    /// What must happen.
    pub expected: Expected,
    /// Which engines can tell.
    pub engines: Vec<Engine>,
}

/// Who runs a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// [`crate::decide`].
    Decide,
    /// The compiled policy: [`crate::Compiled::lookup`], and the same in the kernel.
    Compiled,
    /// Real sockets between real cgroups.
    Sockets,
}

/// What must come of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Allow or deny.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// Which end decides; `None` where neither does.
    pub end: Option<Direction>,
    /// The rule's name; `None` where no rule decides.
    pub rule: Option<String>,
    /// The rule's source, where the scenario cares.
    pub source: Option<String>,
    /// The denial is only recorded.
    pub observed: bool,
}

/// Why a scenario cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// Not TOML, or not of this shape.
    #[error("the scenario does not parse: {0}")]
    Toml(#[from] toml::de::Error),
    /// A label directive of a workload is defective.
    #[error("workload {name}: {problem}")]
    Label {
        /// The workload.
        name: String,
        /// The defect.
        #[source]
        problem: Box<LabelError>,
    },
    /// The policies do not parse.
    #[error("the policies do not parse: {0}")]
    Policies(String),
    /// The port that has a name is defective.
    #[error("workload {name}: {text:?} is not PORT/PROTOCOL")]
    NamedPort {
        /// The workload.
        name: String,
        /// What was written.
        text: String,
    },
    /// A published port is defective.
    #[error("workload {name}: {text:?} is not [IP:]PORT:PORT[/PROTOCOL]")]
    Publish {
        /// The workload.
        name: String,
        /// What was written.
        text: String,
    },
    /// An attempt names somebody who is not there.
    #[error("attempt {number}: nobody is called {name:?}")]
    Unknown {
        /// Which attempt, from 1.
        number: usize,
        /// The name.
        name: String,
    },
    /// An attempt has a protocol that is unknown.
    #[error("attempt {number}: {protocol:?} is not tcp, udp, sctp, icmp, icmp6 or a number")]
    Protocol {
        /// Which attempt, from 1.
        number: usize,
        /// What was written.
        protocol: String,
    },
}

// === impl Scenario ===

impl Scenario {
    /// Reads a scenario and works out its world.
    ///
    /// # Errors
    /// [`ScenarioError`] names the first defect.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        build::scenario(toml::from_str(text)?)
    }

    /// The cases that an engine can tell.
    pub fn cases_for(&self, engine: Engine) -> impl Iterator<Item = &Case> {
        self.cases
            .iter()
            .filter(move |case| case.engines.contains(&engine))
    }
}

// === impl Case ===

impl Case {
    /// Compares a verdict with what must happen. `rules` gives the rule numbers a text.
    ///
    /// # Errors
    /// One line: the attempt, what was expected, what came.
    pub fn check(&self, verdict: &Verdict, rules: &[RuleText]) -> Result<(), String> {
        let number = usize::try_from(verdict.rule).unwrap_or(usize::MAX);
        let rule = rules.get(number).filter(|_| verdict.rule != 0);
        let wanted = &self.expected;
        let found = Expected {
            action: verdict.action,
            reason: verdict.reason,
            end: verdict.direction,
            rule: rule.map(|rule| rule.name.clone()),
            source: wanted.source.as_ref().and(rule.map(|rule| rule.source.clone())),
            observed: verdict.observed,
        };
        if found == *wanted {
            return Ok(());
        }
        let Attempt { protocol, port, .. } = self.attempt;
        Err(format!(
            "{} -> {} {port}/{protocol}: expected {wanted:?}, found {found:?}",
            self.from, self.to
        ))
    }
}

fn default_namespace() -> String {
    "default".to_owned()
}

fn pending_end() -> End {
    End::Pending
}

/// The file as written.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct File {
    title: String,
    #[serde(default)]
    profile: DefaultProfile,
    #[serde(default)]
    prefixes: BTreeMap<ipnet::IpNet, PeerClass>,
    #[serde(default)]
    policies: String,
    #[serde(default)]
    namespaces: BTreeMap<String, Labels>,
    #[serde(default)]
    workloads: BTreeMap<String, Workload>,
    #[serde(default)]
    strangers: BTreeMap<String, Stranger>,
    attempts: Vec<AttemptLine>,
}

/// One `[[attempts]]` as written.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct AttemptLine {
    from: String,
    to: String,
    #[serde(default = "default_protocol")]
    protocol: String,
    #[serde(default)]
    port: u16,
    dial: Option<IpAddr>,
    listen: Option<IpAddr>,
    verdict: Action,
    reason: Option<Reason>,
    end: Option<Direction>,
    rule: Option<String>,
    source: Option<String>,
    #[serde(default)]
    observed: bool,
    engines: Option<Vec<Engine>>,
}

fn default_protocol() -> String {
    "tcp".to_owned()
}

/// The protocol numbers that have a name here. `icmp6` is one of its own: an attempt has one protocol.
const PROTOCOLS: [(&str, Protocol); 5] = [
    ("tcp", Protocol::TCP),
    ("udp", Protocol::UDP),
    ("sctp", Protocol::SCTP),
    ("icmp", Protocol::ICMP),
    ("icmp6", Protocol::ICMP6),
];
