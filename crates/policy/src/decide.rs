//! The reference verdict: rules in order, first match wins. Slow and obvious on purpose.
//!
//! Knows subjects, not workloads: that a workload may always talk to itself is settled before anyone asks here.

use std::net::IpAddr;

use crate::clauses::{Clause, Index, Outcome, View, outcome};
use crate::rules::Rules;
use crate::{Action, Attempt, Direction, Effect, End, Reason, RuleText, Verdict, World};

#[cfg(test)]
mod tests;

/// A world, ready to judge many attempts.
pub struct Judge<'w> {
    index: Index<'w>,
    rules: Rules,
}

/// Judges an attempt: egress of the sender, then ingress of the receiver; both must allow. The verdict names the end
/// and the rule that decided: the first denial, else the last rule asked. Rule numbers are those of
/// [`crate::compile`].
#[must_use]
pub fn decide(world: &World, attempt: &Attempt) -> Verdict {
    decide_with(world, attempt, &[])
}

/// As [`decide`], with the rule numbers of [`crate::compile_with`] for the same `previous_rules`.
#[must_use]
pub fn decide_with(world: &World, attempt: &Attempt, previous_rules: &[RuleText]) -> Verdict {
    Judge::with(world, previous_rules).decide(attempt)
}

// === impl Judge ===

impl<'w> Judge<'w> {
    /// Looks at a world; rules are numbered from scratch.
    #[must_use]
    pub fn new(world: &'w World) -> Self {
        Self::with(world, &[])
    }

    /// Looks at a world; rules of `previous_rules` keep their numbers.
    #[must_use]
    pub fn with(world: &'w World, previous_rules: &[RuleText]) -> Self {
        let index = Index::new(world);
        let rules = Rules::new(&index, previous_rules);
        Self { index, rules }
    }

    /// As [`decide`].
    #[must_use]
    pub fn decide(&self, attempt: &Attempt) -> Verdict {
        structural(attempt)
            .unwrap_or_else(|| both(self.ends(attempt).into_iter().map(|(_, verdict)| verdict)))
    }

    /// What each end that has a policy says on its own, the sender first.
    #[must_use]
    pub fn ends(&self, attempt: &Attempt) -> Vec<(Direction, Verdict)> {
        let judged = ends(&self.index, attempt).into_iter();
        let verdict = |end: Judged<'_>| match &end.outcome {
            Some(outcome) => (
                end.direction,
                Verdict {
                    action: outcome.decided.effect.action().unwrap_or(Action::Deny),
                    reason: Reason::Rule,
                    direction: Some(end.direction),
                    rule: self.rules.number(&outcome.decided.rule),
                    observed: outcome.observed,
                },
            ),
            None => (end.direction, no_policy(end.direction)),
        };
        judged.map(verdict).collect()
    }

    /// The texts of the rule numbers.
    #[must_use]
    pub fn rules(&self) -> &[RuleText] {
        self.rules.texts()
    }

    /// Whether what denies an attempt is a policy with `keep`: then flows that were open before are not to be cut.
    #[must_use]
    pub fn keeps(&self, attempt: &Attempt) -> bool {
        let denied = ends(&self.index, attempt).into_iter().find(Judged::denies);
        denied
            .and_then(|end| end.outcome)
            .is_some_and(|outcome| outcome.decided.keep)
    }
}

/// The verdict of both ends together. An observed denial of one end must not hide a real one of the other.
pub(crate) fn both(ends: impl Iterator<Item = Verdict>) -> Verdict {
    let mut verdict = UNPROTECTED;
    for end in ends {
        if !verdict.observed || end.action == Action::Deny && !end.observed {
            verdict = end;
        }
        if verdict.action == Action::Deny && !verdict.observed {
            break;
        }
    }
    verdict
}

/// The verdict where nobody is protected.
pub(crate) const UNPROTECTED: Verdict = Verdict {
    action: Action::Allow,
    reason: Reason::Unprotected,
    direction: None,
    rule: 0,
    observed: false,
};

/// What one end's rules say.
pub(crate) struct Judged<'w> {
    pub(crate) direction: Direction,
    /// The subject's number.
    pub(crate) subject: u32,
    /// The other end.
    pub(crate) peer: End,
    /// Its address, where it is known.
    pub(crate) address: Option<IpAddr>,
    /// The clause that decides; `None` if the subject has no policy.
    pub(crate) outcome: Option<Outcome<ClauseRef<'w>>>,
}

/// A clause that outlives its list.
pub(crate) type ClauseRef<'w> = std::rc::Rc<Clause<'w>>;

// === impl Judged ===

impl Judged<'_> {
    /// Whether the flow ends here.
    pub(crate) fn denies(&self) -> bool {
        let denied =
            |outcome: &Outcome<ClauseRef<'_>>| outcome.decided.effect == Effect::Deny && !outcome.observed;
        self.outcome.as_ref().is_none_or(denied)
    }

    /// Whether a policy that is only observed would end it.
    pub(crate) fn would_deny(&self) -> bool {
        let denied =
            |outcome: &Outcome<ClauseRef<'_>>| outcome.decided.effect == Effect::Deny && outcome.observed;
        self.outcome.as_ref().is_some_and(denied)
    }
}

/// The verdicts that come before rules.
pub(crate) fn structural(attempt: &Attempt) -> Option<Verdict> {
    match (attempt.from, attempt.to) {
        (End::Pending, _) | (_, End::Pending) => Some(Verdict {
            action: Action::Deny,
            reason: Reason::Pending,
            ..UNPROTECTED
        }),
        (End::Address(_), End::Address(_)) => Some(UNPROTECTED),
        _ => None,
    }
}

/// Both ends that have a policy, the sender's first.
pub(crate) fn ends<'w>(index: &Index<'w>, attempt: &Attempt) -> Vec<Judged<'w>> {
    let pairs = [
        (attempt.from, Direction::Egress, attempt.to, attempt.to_address),
        (attempt.to, Direction::Ingress, attempt.from, attempt.from_address),
    ];
    let mut judged = Vec::with_capacity(2);
    for (end, direction, peer, address) in pairs {
        if let End::Subject(subject) = end {
            judged.push(Judged {
                direction,
                subject,
                peer,
                address,
                outcome: judge_end(index, subject, direction, index.view(peer, address), attempt),
            });
        }
    }
    judged
}

fn judge_end<'w>(
    index: &Index<'w>,
    subject: u32,
    direction: Direction,
    view: View<'w>,
    attempt: &Attempt,
) -> Option<Outcome<ClauseRef<'w>>> {
    let (subject, own) = index.subject(subject)?;
    let (protocol, port) = (attempt.protocol, attempt.port);
    let clauses: Vec<ClauseRef<'w>> = index
        .clauses(subject, own, direction)
        .into_iter()
        .filter(|clause| {
            clause.matches_peer(index, own, view)
                && clause.matches_port((direction, own, view), protocol, port)
        })
        .map(std::rc::Rc::new)
        .collect();
    let found = outcome(clauses.iter(), |clause| {
        (clause.stage, clause.effect, clause.observe)
    })?;
    Some(Outcome {
        decided: std::rc::Rc::clone(found.decided),
        observed: found.observed,
    })
}

/// The verdict on a subject that nothing is known about.
pub(crate) fn no_policy(direction: Direction) -> Verdict {
    Verdict {
        action: Action::Deny,
        reason: Reason::NoPolicy,
        direction: Some(direction),
        rule: 0,
        observed: false,
    }
}
