//! `selinux-off`: sELinux is switched off for a container.

use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

pub(super) const RULE: Rule = Rule {
    id: "selinux-off",
    title: "SELinux is switched off for a container",
    severity: Severity::Medium,
    needs: Needs::Files,
    what: "`security_opt: [label=disable]`.",
    why: "Labels keep the container to its own files even where it breaks out.",
    fix: "Remove the option, or write a profile that allows the one thing that failed.",
    references: &[
        Reference::Cis("5.2", "5.3"),
        Reference::Kics("security_opt_not_set"),
        Reference::DockerBench("check_5_3"),
    ],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.places() {
        let Some((value, at)) = place.service.security("label") else {
            continue;
        };
        if value == "disable" {
            out.push(
                Finding::of(place, at, "runs without SELinux labels")
                    .severity(Severity::Medium)
                    .fix("remove the option from `security_opt`"),
            );
        }
    }
}
