//! Why a verdict is what it is: every rule that was asked, in order, with what it said.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Action, Attempt, Direction, RuleText, Verdict, World};

/// The whole story of one attempt. `Display` prints it in at most 80 columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// What was asked.
    pub attempt: Attempt,
    /// Who starts, in words: `app=web (default)`, `192.168.1.9 (lan)`.
    pub from: String,
    /// Who is reached, in words.
    pub to: String,
    /// The answer.
    pub verdict: Verdict,
    /// The rule that decided; `None` where none did.
    pub rule: Option<RuleText>,
    /// Egress of the sender, ingress of the receiver: those that were asked.
    pub ends: Vec<EndExplanation>,
    /// What would allow it, a line each; empty where it is allowed or no label can.
    pub suggestions: Vec<String>,
}

/// What one end's policy said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndExplanation {
    /// Which end.
    pub direction: Direction,
    /// Whose policy, in words.
    pub subject: String,
    /// What its policy said; `None` if there is no policy for it.
    pub action: Option<Action>,
    /// Its rules in order, up to and including the one that decided.
    pub rules: Vec<RuleExplanation>,
}

/// What one rule said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleExplanation {
    /// The rule.
    pub rule: RuleText,
    /// What it does when it matches.
    pub action: Action,
    /// Whether it matched (and so decided).
    pub matched: bool,
    /// Why, or why not.
    pub why: String,
}

/// Explains [`crate::decide`]'s verdict.
#[must_use]
pub fn explain(world: &World, attempt: &Attempt) -> Explanation {
    Explanation {
        attempt: *attempt,
        from: String::new(),
        to: String::new(),
        verdict: crate::decide(world, attempt),
        rule: None,
        ends: Vec::new(),
        suggestions: Vec::new(),
    }
}

// === impl Explanation ===

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.from, self.to)
    }
}
