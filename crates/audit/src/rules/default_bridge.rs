//! `default-bridge`: a container is on Docker's default bridge.

use crate::finding::{Finding, Severity};
use crate::model::{Estate, NetworkMode, Origin};
use crate::rule::{Needs, Reference, Rule};

pub(super) const RULE: Rule = Rule {
    id: "default-bridge",
    title: "A container is on Docker's default bridge",
    severity: Severity::Low,
    needs: Needs::Files,
    what: "`network_mode: bridge` or `default`, or a running container on the network `bridge`.",
    why: "All containers without a network of their own share that bridge and reach each other's every \
         port, whatever project they belong to.",
    fix: "A network of its own: compose makes one for a project when nothing is said, `docker network create` for \
         containers of `docker run`.",
    references: &[
        Reference::Cis("5.29", "5.30"),
        Reference::Kics("networks_not_set"),
        Reference::DockerBench("check_5_30"),
        Reference::Docs("engine/network/drivers/bridge/"),
    ],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    let icc_off = estate
        .engine
        .as_ref()
        .and_then(|engine| engine.icc.as_ref())
        .is_some_and(|icc| !icc.value);
    for place in estate.places() {
        let Some(mode) = place
            .service
            .network_mode
            .as_ref()
            .filter(|mode| mode.value == NetworkMode::Bridge)
        else {
            continue;
        };
        let (severity, fact) = if icc_off {
            (
                Severity::Info,
                "; the engine keeps its containers apart (icc=false)",
            )
        } else {
            (Severity::Low, ", where all containers reach each other")
        };
        let composed = place.service.origin == Origin::Compose
            || place.service.label("com.docker.compose.project").is_some();
        let fix = if composed {
            "remove `network_mode: bridge`: the project then has a network of its own"
        } else {
            "`docker network create NAME`, and `--network NAME` for it and for those that it talks to"
        };
        out.push(
            Finding::of(place, &mode.at, format!("is on the default bridge{fact}"))
                .severity(severity)
                .fix(fix),
        );
    }
}
