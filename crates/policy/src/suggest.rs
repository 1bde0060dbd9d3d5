//! The label that would allow what was denied, or the line of a policy where no label can.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clauses::{Index, Stage};
use crate::decide::{Judged, ends, structural};
use crate::{Attempt, Direction, End, Identity, PeerClass, PortRange, Protocol, World};

mod lines;
#[cfg(test)]
mod tests;

/// What one subject's user would add.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// The subject that needs it.
    pub subject: u32,
    /// Its identity in words: `app=web`.
    pub who: String,
    /// Whether to be reached or to reach.
    pub direction: Direction,
    /// What to add.
    pub remedy: Remedy,
}

/// What would allow what one end denies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remedy {
    /// An item of the label of that direction, e.g. `app=other:80/tcp`; append it with a comma if the label exists.
    Label(String),
    /// A rule in a policy that is there.
    Rule {
        /// Where it belongs.
        place: String,
        /// The rule, one line of YAML.
        line: String,
    },
    /// A policy of its own, one line of YAML.
    Document(String),
}

/// A world, ready to say for many attempts what would allow them.
pub struct Adviser<'w> {
    index: Index<'w>,
}

/// What together would allow a denied attempt, or one whose denial is only observed; empty if nobody denies it, or if
/// nothing can allow it.
#[must_use]
pub fn suggestions(world: &World, attempt: &Attempt) -> Vec<Suggestion> {
    Adviser::new(world).suggestions(attempt)
}

/// [`suggestions`] as one line: `label on app=nginx: cofferdam.ingress=app=other:80/tcp`, several joined by `; `.
#[must_use]
pub fn suggest(world: &World, attempt: &Attempt) -> Option<String> {
    Adviser::new(world).suggest(attempt)
}

// === impl Adviser ===

impl<'w> Adviser<'w> {
    /// Looks at a world.
    #[must_use]
    pub fn new(world: &'w World) -> Self {
        Self {
            index: Index::new(world),
        }
    }

    /// As [`suggestions`].
    #[must_use]
    pub fn suggestions(&self, attempt: &Attempt) -> Vec<Suggestion> {
        if structural(attempt).is_some() {
            return Vec::new();
        }
        let judged = ends(&self.index, attempt);
        // What is only observed is told where nothing else denies.
        let denies = if judged.iter().any(Judged::denies) {
            Judged::denies
        } else {
            Judged::would_deny
        };
        let denied = judged.into_iter().filter(denies);
        // All or nothing: half of what is needed would only move the denial to the other end.
        denied
            .map(|end| suggestion(&self.index, &end, attempt))
            .collect::<Option<Vec<_>>>()
            .unwrap_or_default()
    }

    /// As [`suggest`].
    #[must_use]
    pub fn suggest(&self, attempt: &Attempt) -> Option<String> {
        let lines: Vec<String> = self
            .suggestions(attempt)
            .iter()
            .map(ToString::to_string)
            .collect();
        (!lines.is_empty()).then(|| lines.join("; "))
    }
}

/// What a workload's user would write, whole.
#[must_use]
pub fn whole_label(identity: &Identity, key: &str, value: &str) -> String {
    label_on(&who(identity), key, value)
}

fn label_on(who: &str, key: &str, value: &str) -> String {
    format!("label on {who}: {key}={value}")
}

fn suggestion(index: &Index<'_>, end: &Judged<'_>, attempt: &Attempt) -> Option<Suggestion> {
    let (_, own) = index.subject(end.subject)?;
    let label = item(index, end, own, attempt).map(Remedy::Label);
    Some(Suggestion {
        subject: end.subject,
        who: who(own),
        direction: end.direction,
        remedy: label.or_else(|| lines::remedy(index, end, attempt))?,
    })
}

/// `None` if the grammar cannot say it, or if a policy of the user denies: a label opens nothing against that.
fn item(index: &Index<'_>, end: &Judged<'_>, own: &Identity, attempt: &Attempt) -> Option<String> {
    if end.outcome.as_ref()?.decided.stage != Stage::Default {
        return None;
    }
    let peer = match end.peer {
        End::Subject(number) => {
            let (_, peer) = index.subject(number)?;
            selector(peer).filter(|_| peer.namespace == own.namespace)?
        }
        End::Address(address) => match (index.class(address), end.direction) {
            // Whom it reaches is known: open no more than that.
            (PeerClass::Lan | PeerClass::World, Direction::Egress) if address.is_ipv6() => {
                format!("[{address}]")
            }
            (PeerClass::Lan | PeerClass::World, Direction::Egress) => address.to_string(),
            (class, _) => class.name().to_owned(),
        },
        End::Pending => return None,
    };
    Some(format!("{peer}:{}", ports(attempt)?))
}

fn ports(attempt: &Attempt) -> Option<String> {
    let protocol = attempt.protocol;
    match protocol {
        Protocol::ICMP | Protocol::ICMP6 => Some("icmp".to_owned()),
        _ if Protocol::WITH_PORTS.contains(&protocol) && attempt.port > 0 => Some(
            PortRange {
                protocol,
                first: attempt.port,
                last: attempt.port,
            }
            .to_string(),
        ),
        _ => None,
    }
}

/// Identity labels as a selector; `None` if there are none, or if one holds a sign of the grammar.
fn selector(identity: &Identity) -> Option<String> {
    let plain = |text: &String| !text.contains([',', '&', ':', '*']) && !text.contains(char::is_whitespace);
    let labels = &identity.identity_labels;
    (!labels.is_empty() && labels.values().all(plain)).then(|| who(identity))
}

/// An identity in words.
pub(crate) fn who(identity: &Identity) -> String {
    if identity.identity_labels.is_empty() {
        return "no identity label".to_owned();
    }
    let pairs: Vec<String> = identity
        .identity_labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    pairs.join("&")
}

// === impl Suggestion ===

impl fmt::Display for Suggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.remedy {
            Remedy::Label(item) => {
                f.write_str(&label_on(&self.who, crate::openings::label(self.direction), item))
            }
            Remedy::Rule { place, line } => write!(f, "rule {place}: {line}"),
            Remedy::Document(document) => write!(f, "policy: {document}"),
        }
    }
}
