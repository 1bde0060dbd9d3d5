//! The reference verdict: rules in order, first match wins. Slow and obvious on purpose.

use crate::{Action, Attempt, Reason, RuleText, Verdict, World};

/// Judges an attempt: egress of the sender, then ingress of the receiver; both must allow. The verdict names the end and
/// the rule that decided: the first denial, else the last rule asked. Rule numbers are those of [`crate::compile`].
#[must_use]
pub fn decide(world: &World, attempt: &Attempt) -> Verdict {
    decide_with(world, attempt, &[])
}

/// As [`decide`], with the rule numbers of [`crate::compile_with`] for the same `previous_rules`.
#[must_use]
pub fn decide_with(world: &World, attempt: &Attempt, previous_rules: &[RuleText]) -> Verdict {
    let _ = (world, attempt, previous_rules);
    Verdict {
        action: Action::Deny,
        reason: Reason::NoPolicy,
        direction: None,
        rule: 0,
    }
}
