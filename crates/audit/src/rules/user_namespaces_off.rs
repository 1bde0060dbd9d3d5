//! `user-namespaces-off`: the engine does not map users.

use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

pub(super) const RULE: Rule = Rule {
    id: "user-namespaces-off",
    title: "The engine does not map users",
    severity: Severity::Info,
    needs: Needs::Engine,
    what: "A running engine or a `daemon.json` without `userns-remap`.",
    why: "Root in a container is root of the host for every file and device it gets hold of.",
    fix: "`\"userns-remap\": \"default\"` in daemon.json, or a rootless engine. Both change where volumes \
         belong: try first.",
    references: &[
        Reference::Cis("2.9", "2.9"),
        Reference::DockerBench("check_2_9"),
        Reference::Docs("engine/security/userns-remap/"),
    ],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    let Some(engine) = &estate.engine else { return };
    let mapped = engine.rootless || engine.userns_remap.as_ref().is_some_and(|remap| remap.value);
    if !mapped {
        out.push(
            Finding::new(&engine.at, "root in a container is root of the host")
                .severity(Severity::Info)
                .fix(if engine.podman {
                    "`--userns=auto`, or rootless Podman"
                } else {
                    "`\"userns-remap\": \"default\"` in daemon.json, or a rootless engine"
                }),
        );
    }
}
