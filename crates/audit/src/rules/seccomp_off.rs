//! `seccomp-off`: seccomp is switched off for a container.

use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

pub(super) const RULE: Rule = Rule {
    id: "seccomp-off",
    title: "seccomp is switched off for a container",
    severity: Severity::Medium,
    needs: Needs::Files,
    what: "`security_opt: [seccomp=unconfined]`.",
    why: "The default profile refuses some forty system calls that containers do not need and that most \
         escapes do.",
    fix: "Remove the option, or write a profile that allows the one thing that failed.",
    references: &[
        Reference::Cis("5.21", "5.22"),
        Reference::Kics("default_seccomp_profile_disabled"),
        Reference::DockerBench("check_5_22"),
    ],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.places() {
        let Some((value, at)) = place.service.security("seccomp") else {
            continue;
        };
        if value == "unconfined" {
            out.push(
                Finding::of(place, at, "runs without Docker's filter of system calls")
                    .severity(Severity::Medium)
                    .fix("remove the option from `security_opt`"),
            );
        }
    }
}
