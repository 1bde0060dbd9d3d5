//! `network-none`: a service uses no network.

use crate::finding::{Finding, Severity};
use crate::model::{Estate, Reach};
use crate::rule::{Needs, Rule};

pub(super) const RULE: Rule = Rule {
    id: "network-none",
    title: "A service uses no network",
    severity: Severity::Info,
    needs: Needs::Files,
    what: "`network_mode: none`.",
    why: "It is as closed as can be: good, if it is meant. Nobody reaches it and it reaches nobody; \
         volumes and devices are its only ways out.",
    fix: "Nothing.",
    references: &[],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate
        .places()
        .filter(|place| estate.reach(*place) == Reach::None)
    {
        out.push(
            Finding::of(
                place,
                &place.service.mode_at(),
                "has no network: nobody reaches it and it reaches nobody",
            )
            .severity(Severity::Info)
            .fix("nothing"),
        );
    }
}
