//! `privileged`: a container is privileged.

use crate::finding::{Finding, Severity};
use crate::model::{Estate, Reach};
use crate::rule::{Needs, Reference, Rule};

pub(super) const RULE: Rule = Rule {
    id: "privileged",
    title: "A container is privileged",
    severity: Severity::High,
    needs: Needs::Files,
    what: "`privileged: true`.",
    why: "All capabilities, all devices, no seccomp and no AppArmor: the container is the host with \
         another root folder.",
    fix: "Add the one capability or device that it needs.",
    references: &[
        Reference::Cis("5.4", "5.5"),
        Reference::Kics("privileged_containers_enabled"),
        Reference::DockerBench("check_5_5"),
    ],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.places() {
        let Some(at) = &place.service.privileged else {
            continue;
        };
        let severity = if estate.reach(place) == Reach::Host {
            Severity::Critical
        } else {
            Severity::High
        };
        let fact = if severity == Severity::Critical {
            ", in the host's network"
        } else {
            ""
        };
        out.push(
            Finding::of(
                place,
                at,
                format!("is privileged: it may do what root of the host may{fact}"),
            )
            .severity(severity)
            .fix("`cap_add` and `devices` with what it needs, instead of `privileged`"),
        );
    }
}
