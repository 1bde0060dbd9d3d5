//! The label that would allow what was denied.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clauses::{Index, Stage};
use crate::decide::{Judged, ends, structural};
use crate::{Attempt, Direction, End, Identity, PeerClass, PortRange, Protocol, World};

#[cfg(test)]
mod tests;

/// A label that one subject's user would add.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// The subject that needs the label.
    pub subject: u32,
    /// Its identity in words: `app=web`.
    pub who: String,
    /// Which of the two labels.
    pub direction: Direction,
    /// The label's item, e.g. `app=other:80/tcp`; append it with a comma if the label exists.
    pub item: String,
}

/// The labels that together would allow a denied attempt; empty if it is allowed, or if no label can allow it.
#[must_use]
pub fn suggestions(world: &World, attempt: &Attempt) -> Vec<Suggestion> {
    let index = Index::new(world);
    if structural(attempt).is_some() {
        return Vec::new();
    }
    let denied = ends(&index, attempt).into_iter().filter(Judged::denies);
    // All or nothing: half of what is needed would only move the denial to the other end.
    denied
        .map(|end| suggestion(&index, &end, attempt))
        .collect::<Option<Vec<_>>>()
        .unwrap_or_default()
}

/// [`suggestions`] as one line: `label on app=nginx: cofferdam.ingress=app=other:80/tcp`, several joined by `; `.
#[must_use]
pub fn suggest(world: &World, attempt: &Attempt) -> Option<String> {
    let lines: Vec<String> = suggestions(world, attempt)
        .iter()
        .map(ToString::to_string)
        .collect();
    (!lines.is_empty()).then(|| lines.join("; "))
}

/// `None` if the grammar cannot say it, or if a policy of the user denies: a label opens nothing against that.
fn suggestion(index: &Index<'_>, end: &Judged<'_>, attempt: &Attempt) -> Option<Suggestion> {
    let outcome = end.outcome.as_ref()?;
    if outcome.decided.stage != Stage::Default {
        return None;
    }
    let (_, own) = index.subject(end.subject)?;
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
    Some(Suggestion {
        subject: end.subject,
        who: who(own),
        direction: end.direction,
        item: format!("{peer}:{}", ports(attempt)?),
    })
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
        let key = crate::openings::label(self.direction);
        write!(f, "label on {}: {key}={}", self.who, self.item)
    }
}
