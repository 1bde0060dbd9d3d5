//! `host-userns`: a container uses the host's user namespace.

use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

pub(super) const RULE: Rule = Rule {
    id: "host-userns",
    title: "A container uses the host's user namespace",
    severity: Severity::Medium,
    needs: Needs::Files,
    what: "`userns_mode: host`.",
    why: "Root in the container is root on the host although the engine maps users.",
    fix: "Remove `userns_mode: host`.",
    references: &[
        Reference::Cis("5.30", "5.31"),
        Reference::Kics("shared_host_user_namespace"),
        Reference::DockerBench("check_5_31"),
    ],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.places() {
        let Some(mode) = place.service.userns.as_ref().filter(|mode| mode.value == "host") else {
            continue;
        };
        out.push(
            Finding::of(place, &mode.at, "is left out of the engine's mapping of users")
                .severity(Severity::Medium)
                .fix("remove `userns_mode: host`"),
        );
    }
}
