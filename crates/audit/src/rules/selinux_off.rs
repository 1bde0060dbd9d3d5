//! `selinux-off`: sELinux is switched off for a container.

use crate::finding::{Finding, Severity};
use crate::model::{Estate, Origin};
use crate::position::Located;
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
        // Docker itself adds it to running containers that share such a namespace.
        let host = |mode: &Option<Located<String>>| mode.as_ref().is_some_and(|mode| mode.value == "host");
        let service = place.service;
        let by_docker = service.origin == Origin::Inspect
            && (service.privileged.is_some() || host(&service.pid) || host(&service.ipc));
        if value == "disable" && !by_docker {
            out.push(
                Finding::of(place, at, "runs without SELinux labels")
                    .severity(Severity::Medium)
                    .fix("remove the option from `security_opt`"),
            );
        }
    }
}
