//! `host-pid`: a container uses the host's process namespace.

use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

pub(super) const RULE: Rule = Rule {
    id: "host-pid",
    title: "A container uses the host's process namespace",
    severity: Severity::High,
    needs: Needs::Files,
    what: "`pid: host`.",
    why: "It sees every process of the host, its command line and environment, and may signal those of \
         its user; with CAP_SYS_PTRACE it takes them over.",
    fix: "Remove `pid: host`.",
    references: &[
        Reference::Cis("5.15", "5.16"),
        Reference::Kics("host_namespace_is_shared"),
        Reference::DockerBench("check_5_16"),
    ],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.places() {
        let Some(mode) = place.service.pid.as_ref().filter(|mode| mode.value == "host") else {
            continue;
        };
        out.push(
            Finding::of(place, &mode.at, "sees and may signal every process of the host")
                .severity(Severity::High)
                .fix("remove `pid: host`"),
        );
    }
}
