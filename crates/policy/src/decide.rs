//! The reference verdict: rules in order, first match wins. Slow and obvious on purpose.
//!
//! Knows subjects, not workloads: that a workload may always talk to itself is settled before anyone asks here.

use crate::clauses::{Clause, Index};
use crate::rules::Rules;
use crate::{Action, Attempt, Direction, End, Reason, RuleText, Verdict, World};

#[cfg(test)]
mod tests;

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
    let index = Index::new(world);
    let rules = Rules::new(&index, previous_rules);
    if let Some(verdict) = structural(attempt) {
        return verdict;
    }
    let mut verdict = UNPROTECTED;
    for judged in ends(&index, attempt) {
        verdict = match judged.clause {
            Some(clause) => Verdict {
                action: clause.action,
                reason: Reason::Rule,
                direction: Some(judged.direction),
                rule: rules.number(&clause.rule),
            },
            None => no_policy(judged.direction),
        };
        if verdict.action == Action::Deny {
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
};

/// What one end's rules say.
pub(crate) struct Judged<'w> {
    pub(crate) direction: Direction,
    /// The subject's number.
    pub(crate) subject: u32,
    /// The other end.
    pub(crate) peer: End,
    /// The first clause that matches; `None` if the subject has no policy.
    pub(crate) clause: Option<Clause<'w>>,
}

/// The verdicts that come before rules.
pub(crate) fn structural(attempt: &Attempt) -> Option<Verdict> {
    match (attempt.from, attempt.to) {
        (End::Pending, _) | (_, End::Pending) => Some(Verdict {
            action: Action::Deny,
            reason: Reason::Pending,
            direction: None,
            rule: 0,
        }),
        (End::Address(_), End::Address(_)) => Some(UNPROTECTED),
        _ => None,
    }
}

/// Both ends that have a policy, the sender's first.
pub(crate) fn ends<'w>(index: &Index<'w>, attempt: &Attempt) -> Vec<Judged<'w>> {
    let pairs = [
        (attempt.from, Direction::Egress, attempt.to),
        (attempt.to, Direction::Ingress, attempt.from),
    ];
    let mut judged = Vec::with_capacity(2);
    for (end, direction, peer) in pairs {
        if let End::Subject(subject) = end {
            let clause = first_match(index, subject, direction, peer, attempt);
            judged.push(Judged {
                direction,
                subject,
                peer,
                clause,
            });
        }
    }
    judged
}

fn first_match<'w>(
    index: &Index<'w>,
    subject: u32,
    direction: Direction,
    peer: End,
    attempt: &Attempt,
) -> Option<Clause<'w>> {
    let (subject, own) = index.subject(subject)?;
    let view = index.view(peer);
    index
        .clauses(subject, direction)
        .into_iter()
        .find(|clause| clause.matches_peer(own, view) && clause.matches_port(attempt.protocol, attempt.port))
}

/// The verdict on a subject that nothing is known about.
pub(crate) fn no_policy(direction: Direction) -> Verdict {
    Verdict {
        action: Action::Deny,
        reason: Reason::NoPolicy,
        direction: Some(direction),
        rule: 0,
    }
}
