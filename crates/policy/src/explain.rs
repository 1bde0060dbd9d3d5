//! Why a verdict is what it is: every rule that was asked, in order, with what it said.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clauses::{Clause, Index};
use crate::decide::{Judge, Judged, ends, structural};
use crate::suggest::who;
use crate::{Action, Attempt, Direction, Effect, End, Protocol, Reason, RuleText, Verdict, World};

mod why;

use why::{Fit, why};

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
    /// It denies, but the policy that does is only observed.
    pub observed: bool,
    /// Its rules in order, up to and including the one that decides.
    pub rules: Vec<RuleExplanation>,
}

/// What one rule says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleExplanation {
    /// The rule.
    pub rule: RuleText,
    /// What it does when it matches.
    pub effect: Effect,
    /// Whether it matches.
    pub matched: bool,
    /// Whether it decides: of those that match, the first that is not skipped.
    pub decides: bool,
    /// Its policy is only observed.
    pub observed: bool,
    /// It is about the peer but not about the port, or about the port but not about the peer.
    pub near: bool,
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
    let verdict = Judge::new(world).decide(attempt);
    let decided = judged.iter().find(|end| Some(end.direction) == verdict.direction);
    let rule = decided.and_then(|end| Some(end.outcome.as_ref()?.decided.rule.clone().into_owned()));
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
    let decided = end.outcome.as_ref().map(|outcome| &outcome.decided);
    if let Some((subject, own)) = index.subject(end.subject) {
        let view = index.view(end.peer, end.address);
        for clause in index.clauses(subject, own, end.direction) {
            let decides = decided.is_some_and(|decided| decided.priority == clause.priority);
            let (fit, why) = why(&clause, index, (end.direction, own, view), attempt);
            let rule = rule_explanation(clause, fit, why, decides);
            // One label may open to several classes or protocols: of such a run, what came closest is told.
            match rules.last_mut() {
                Some(last) if last.1.rule == rule.rule && last.0 <= fit => *last = (fit, rule),
                Some(last) if last.1.rule == rule.rule => {}
                _ => rules.push((fit, rule)),
            }
            if decides {
                break;
            }
        }
    }
    EndExplanation {
        direction: end.direction,
        subject: end_in_words(index, End::Subject(end.subject)),
        action: decided.and_then(|decided| decided.effect.action()),
        observed: end.outcome.as_ref().is_some_and(|outcome| outcome.observed),
        rules: rules.into_iter().map(|(_, rule)| rule).collect(),
    }
}

fn rule_explanation(clause: Clause<'_>, fit: Fit, why: String, decides: bool) -> RuleExplanation {
    RuleExplanation {
        rule: clause.rule.into_owned(),
        effect: clause.effect,
        matched: fit == Fit::Full,
        decides,
        observed: clause.observe,
        near: matches!(fit, Fit::Port | Fit::Peer),
        why,
    }
}

fn asked(attempt: &Attempt) -> String {
    let is_icmp = matches!(attempt.protocol, Protocol::ICMP | Protocol::ICMP6);
    match attempt.port {
        0 => attempt.protocol.to_string(),
        kind if is_icmp => format!("{} type {kind}", attempt.protocol),
        port => format!("{port}/{}", attempt.protocol),
    }
}

// === impl Explanation ===

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict.action {
            Action::Allow => "allowed",
            Action::Deny if self.verdict.observed => "would be denied (only observed)",
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
        let says = match (self.action, self.observed) {
            (Some(Action::Allow), _) => "allows",
            (Some(Action::Deny), true) => "would deny, and only observes",
            (Some(Action::Deny), false) => "denies",
            (None, _) => "has no policy: denies",
        };
        line(
            f,
            0,
            &format!("{} of {} {says}", self.direction.name(), self.subject),
        )?;
        let many = self.rules.len() > SHOWN;
        let told = |rule: &&RuleExplanation| !many || rule.matched || rule.near;
        for rule in self.rules.iter().filter(told) {
            rule.fmt_line(f)?;
        }
        let left = self.rules.iter().filter(|rule| !told(rule)).count();
        if left > 0 {
            line(f, 1, &format!("   and {left} rules that are about others"))?;
        }
        Ok(())
    }
}

/// Of more rules than that, only those are printed that match or nearly do.
const SHOWN: usize = 12;

// === impl RuleExplanation ===

impl RuleExplanation {
    fn fmt_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match (self.decides, self.matched) {
            (true, _) => "=>",
            (false, true) => "- ",
            (false, false) => "  ",
        };
        let effect = match self.effect {
            Effect::Allow => "allow",
            Effect::Deny => "deny ",
            Effect::Pass => "pass ",
        };
        let observed = if self.observed { ", only observed" } else { "" };
        line(
            f,
            1,
            &format!(
                "{mark} {effect} {} ({}{observed}): {}",
                self.rule.name, self.rule.source, self.why
            ),
        )
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
