//! `apparmor-off`: appArmor is switched off for a container.

use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

pub(super) const RULE: Rule = Rule {
    id: "apparmor-off",
    title: "AppArmor is switched off for a container",
    severity: Severity::Medium,
    needs: Needs::Files,
    what: "`security_opt: [apparmor=unconfined]`.",
    why: "The default profile keeps the container from writing to /proc and /sys, and from mounting.",
    fix: "Remove the option, or write a profile that allows the one thing that failed.",
    references: &[
        Reference::Cis("5.1", "5.2"),
        Reference::Kics("security_opt_not_set"),
        Reference::DockerBench("check_5_2"),
    ],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.places() {
        let Some((value, at)) = place.service.security("apparmor") else {
            continue;
        };
        if value == "unconfined" {
            out.push(
                Finding::of(place, at, "runs without Docker's AppArmor profile")
                    .severity(Severity::Medium)
                    .fix("remove the option from `security_opt`"),
            );
        }
    }
}
