//! `inter-container`: containers of the default bridge reach each other.

use crate::finding::{Finding, Severity};
use crate::model::{Estate, NetworkMode};
use crate::rule::{Needs, Reference, Rule};

use super::facts;

pub(super) const RULE: Rule = Rule {
    id: "inter-container",
    title: "Containers of the default bridge reach each other",
    severity: Severity::Low,
    needs: Needs::Engine,
    what: "The engine's `icc` is not false, and a container is on the default bridge or nothing is known \
         of them.",
    why: "One broken container reaches every port of every other on that bridge, also those that nobody \
         published.",
    fix: "`\"icc\": false` in daemon.json; networks of compose projects are not concerned.",
    references: &[Reference::Cis("2.2", "2.2"), Reference::DockerBench("check_2_2")],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    let Some(engine) = &estate.engine else { return };
    if engine.icc.as_ref().is_some_and(|icc| !icc.value) {
        return;
    }
    let names: Vec<String> = estate
        .places()
        .filter(|place| {
            place
                .service
                .network_mode
                .as_ref()
                .is_some_and(|mode| mode.value == NetworkMode::Bridge)
        })
        .map(|place| place.service.name.clone())
        .collect();
    let at = engine.icc.as_ref().map_or(&engine.at, |icc| &icc.at);
    let (severity, message) = if names.len() > 1 {
        (
            Severity::Low,
            format!(
                "on the default bridge these reach each other: {}",
                facts::list(&names)
            ),
        )
    } else {
        (
            Severity::Info,
            "containers of the default bridge would reach each other".to_owned(),
        )
    };
    out.push(
        Finding::new(at, message)
            .severity(severity)
            .fix(if engine.podman {
                "a network of its own for each project: `podman network create`"
            } else {
                "`\"icc\": false` in daemon.json"
            }),
    );
}
