//! `host-ipc`: a container uses the host's IPC namespace.

use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

pub(super) const RULE: Rule = Rule {
    id: "host-ipc",
    title: "A container uses the host's IPC namespace",
    severity: Severity::Medium,
    needs: Needs::Files,
    what: "`ipc: host`.",
    why: "It reads and writes the shared memory of every program of the host.",
    fix: "Remove `ipc: host`.",
    references: &[
        Reference::Cis("5.16", "5.17"),
        Reference::Kics("shared_host_ipc_namespace"),
        Reference::DockerBench("check_5_17"),
    ],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.places() {
        let Some(mode) = place.service.ipc.as_ref().filter(|mode| mode.value == "host") else {
            continue;
        };
        out.push(
            Finding::of(
                place,
                &mode.at,
                "shares the host's shared memory and message queues",
            )
            .severity(Severity::Medium)
            .fix("remove `ipc: host`"),
        );
    }
}
