//! Why a verdict is what it is: every rule that was asked, in order, with what it said.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clauses::{Clause, Condition, Index, View};
use crate::decide::{Judged, ends, structural};
use crate::document::RulePeer;
use crate::suggest::who;
use crate::{
    Action, Attempt, Direction, End, Identity, OpeningPeer, PeerClass, Reason, RuleText, Verdict, World,
};

#[cfg(test)]
mod tests;

/// Terminals are at least this wide.
const COLUMNS: usize = 80;

/// The whole story of one attempt. `Display` prints it in at most 80 columns, but for the suggested labels, which stay
/// whole so that they can be copied.
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
    /// Egress of the sender, ingress of the receiver: those that have a policy.
    pub ends: Vec<EndExplanation>,
    /// What would allow it, a line each; empty where it is allowed or no label can.
    pub suggestions: Vec<String>,
}

/// What one end's policy says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndExplanation {
    /// Which end.
    pub direction: Direction,
    /// Whose policy, in words.
    pub subject: String,
    /// What its policy says; `None` if it has none, which denies.
    pub action: Option<Action>,
    /// Its rules in order, up to and including the one that decides.
    pub rules: Vec<RuleExplanation>,
}

/// What one rule says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleExplanation {
    /// The rule.
    pub rule: RuleText,
    /// What it does when it matches.
    pub action: Action,
    /// Whether it matches (and so decides).
    pub matched: bool,
    /// Why, or why not.
    pub why: String,
}

/// Explains [`crate::decide`]'s verdict. Both ends are explained even where the first already denies.
#[must_use]
pub fn explain(world: &World, attempt: &Attempt) -> Explanation {
    let index = Index::new(world);
    let judged = if structural(attempt).is_some() {
        Vec::new()
    } else {
        ends(&index, attempt)
    };
    let verdict = crate::decide(world, attempt);
    let decided = judged.iter().find(|end| Some(end.direction) == verdict.direction);
    let rule = decided
        .and_then(|end| end.clause.as_ref())
        .map(|clause| clause.rule.clone());
    Explanation {
        attempt: *attempt,
        from: end_in_words(&index, attempt.from),
        to: end_in_words(&index, attempt.to),
        verdict,
        rule,
        ends: judged
            .iter()
            .map(|end| end_explanation(&index, end, attempt))
            .collect(),
        suggestions: crate::suggestions(world, attempt)
            .iter()
            .map(ToString::to_string)
            .collect(),
    }
}

fn end_in_words(index: &Index<'_>, end: End) -> String {
    match end {
        End::Subject(number) => index.subject(number).map_or_else(
            || format!("unknown subject {number}"),
            |(_, identity)| format!("{} (namespace {})", who(identity), identity.namespace),
        ),
        End::Address(address) => format!("{address} ({})", index.class(address).name()),
        End::Pending => "a container whose labels are not known yet".to_owned(),
    }
}

fn end_explanation(index: &Index<'_>, end: &Judged<'_>, attempt: &Attempt) -> EndExplanation {
    let mut rules: Vec<(Fit, RuleExplanation)> = Vec::new();
    if let Some((subject, own)) = index.subject(end.subject) {
        for clause in index.clauses(subject, end.direction) {
            let (fit, why) = why(&clause, own, index.view(end.peer), attempt);
            let matched = fit == Fit::Full;
            let rule = RuleExplanation {
                rule: clause.rule,
                action: clause.action,
                matched,
                why,
            };
            // One label may open to several classes or protocols: of such a run, what came closest is told.
            match rules.last_mut() {
                Some(last) if last.1.rule == rule.rule && last.0 <= fit => *last = (fit, rule),
                Some(last) if last.1.rule == rule.rule => {}
                _ => rules.push((fit, rule)),
            }
            if matched {
                break;
            }
        }
    }
    EndExplanation {
        direction: end.direction,
        subject: end_in_words(index, End::Subject(end.subject)),
        action: end.clause.as_ref().map(|clause| clause.action),
        rules: rules.into_iter().map(|(_, rule)| rule).collect(),
    }
}

/// How far a rule matches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Nothing,
    Peer,
    Full,
}

fn why(clause: &Clause<'_>, own: &Identity, peer: View<'_>, attempt: &Attempt) -> (Fit, String) {
    if !clause.matches_peer(own, peer) {
        let why = match clause.condition {
            Condition::Peers([RulePeer::SameLabels]) => differing(own, peer),
            Condition::Peers(peers) => {
                let words: Vec<&str> = peers.iter().map(|one| rule_peer_in_words(*one)).collect();
                format!(
                    "is about {}; the peer is {}",
                    words.join(", "),
                    view_in_words(peer)
                )
            }
            Condition::Opening(opening) => not_opened(&opening.peer, own, peer),
        };
        return (Fit::Nothing, why);
    }
    if !clause.matches_port(attempt.protocol, attempt.port) {
        let why = format!(
            "the peer matches, but it opens {}, not {}",
            clause.ports(),
            asked(attempt)
        );
        return (Fit::Peer, why);
    }
    let why = match clause.condition {
        Condition::Peers([RulePeer::SameLabels]) => "the peer has the same labels".to_owned(),
        _ => format!("the peer is {}", view_in_words(peer)),
    };
    (Fit::Full, why)
}

fn differing(own: &Identity, peer: View<'_>) -> String {
    match peer {
        _ if own.identity_labels.is_empty() => "the subject has no identity label".to_owned(),
        View::Identity(other) if own.identity_labels == other.identity_labels => {
            format!(
                "same labels, but in namespace {}, not {}",
                other.namespace, own.namespace
            )
        }
        View::Identity(other) => format!("the peer has {}, not {}", who(other), who(own)),
        _ => format!("the peer is {}", view_in_words(peer)),
    }
}

fn not_opened(opened: &OpeningPeer, own: &Identity, peer: View<'_>) -> String {
    match (opened, peer) {
        (OpeningPeer::Labels(_), View::Identity(other)) if own.namespace != other.namespace => {
            format!(
                "labels select in namespace {} only; the peer is in {}",
                own.namespace, other.namespace
            )
        }
        (OpeningPeer::Labels(_), View::Identity(_)) => "the peer does not carry these labels".to_owned(),
        (OpeningPeer::Prefix(_), View::Outside(..)) => "the peer's address lies outside".to_owned(),
        _ => format!("the peer is {}", view_in_words(peer)),
    }
}

fn rule_peer_in_words(peer: RulePeer) -> &'static str {
    match peer {
        RulePeer::SameLabels => "peers with the same labels",
        RulePeer::Opened => "what is opened",
        RulePeer::Workloads => "protected workloads",
        RulePeer::Class(class) => class.name(),
    }
}

fn view_in_words(view: View<'_>) -> &'static str {
    match view {
        View::Identity(_) | View::AnyWorkload => "a protected workload",
        View::Outside(PeerClass::Host, _) => "unprotected, on this host",
        View::Outside(class, _) => class.name(),
    }
}

fn asked(attempt: &Attempt) -> String {
    match attempt.port {
        0 => attempt.protocol.to_string(),
        port => format!("{port}/{}", attempt.protocol),
    }
}

// === impl Explanation ===

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict.action {
            Action::Allow => "allowed",
            Action::Deny => "denied",
        };
        let because = self.because();
        line(
            f,
            0,
            &format!("{verdict}: {} -> {} {}", self.from, self.to, asked(&self.attempt)),
        )?;
        line(f, 0, &format!("because {because}"))?;
        for end in &self.ends {
            writeln!(f)?;
            end.fmt_lines(f)?;
        }
        if !self.suggestions.is_empty() {
            writeln!(f, "\nto allow it:")?;
            self.suggestions
                .iter()
                .try_for_each(|suggestion| writeln!(f, "  {suggestion}"))?;
        }
        Ok(())
    }
}

impl Explanation {
    fn because(&self) -> String {
        match (self.verdict.reason, &self.rule, self.verdict.direction) {
            (Reason::Rule, Some(rule), Some(direction)) => {
                format!("{} rule {} ({})", direction.name(), rule.name, rule.source)
            }
            (Reason::Unprotected, ..) => "neither end is protected".to_owned(),
            (Reason::Pending, ..) => "the labels of one end are not known yet".to_owned(),
            _ => "one end has no compiled policy, which fails closed".to_owned(),
        }
    }
}

// === impl EndExplanation ===

impl EndExplanation {
    fn fmt_lines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let says = match self.action {
            Some(Action::Allow) => "allows",
            Some(Action::Deny) => "denies",
            None => "has no policy: denies",
        };
        line(
            f,
            0,
            &format!("{} of {} {says}", self.direction.name(), self.subject),
        )?;
        for rule in &self.rules {
            let mark = if rule.matched { "=>" } else { "  " };
            let action = match rule.action {
                Action::Allow => "allow",
                Action::Deny => "deny ",
            };
            line(
                f,
                1,
                &format!(
                    "{mark} {action} {} ({}): {}",
                    rule.rule.name, rule.rule.source, rule.why
                ),
            )?;
        }
        Ok(())
    }
}

/// One line of text, wrapped below itself.
fn line(f: &mut fmt::Formatter<'_>, depth: usize, text: &str) -> fmt::Result {
    let first = " ".repeat(depth);
    let rest = " ".repeat(depth + 9);
    let options = textwrap::Options::new(COLUMNS)
        .initial_indent(&first)
        .subsequent_indent(&rest);
    // The wrapper trims what it takes for an indent of the text's own; the mark's blanks are ours.
    let (mark, text) = text.split_at(text.len() - text.trim_start().len());
    let first = format!("{first}{mark}");
    writeln!(f, "{}", textwrap::fill(text, options.initial_indent(&first)))
}
