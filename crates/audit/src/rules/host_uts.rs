//! `host-uts`: a container uses the host's UTS namespace.

use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

pub(super) const RULE: Rule = Rule {
    id: "host-uts",
    title: "A container uses the host's UTS namespace",
    severity: Severity::Low,
    needs: Needs::Files,
    what: "`uts: host`.",
    why: "It may rename the host.",
    fix: "Remove `uts: host`.",
    references: &[
        Reference::Cis("5.20", "5.21"),
        Reference::DockerBench("check_5_21"),
    ],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.places() {
        let Some(mode) = place.service.uts.as_ref().filter(|mode| mode.value == "host") else {
            continue;
        };
        out.push(
            Finding::of(place, &mode.at, "may change the host's name")
                .severity(Severity::Low)
                .fix("remove `uts: host`"),
        );
    }
}
