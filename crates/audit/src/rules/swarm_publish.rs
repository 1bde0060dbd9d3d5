//! `swarm-publish`: swarm publishes on every address of every node.

use crate::finding::{Confidence, Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

use super::facts;

pub(super) const RULE: Rule = Rule {
    id: "swarm-publish",
    title: "Swarm publishes on every address of every node",
    severity: Severity::Medium,
    needs: Needs::Files,
    what: "Services with a `deploy` section for Swarm, or an engine in a swarm, and a published port. A manager is \
           asked for its services: their containers do not know what the mesh opens.",
    why: "The mesh listens on 0.0.0.0 of every node, also of those where no copy runs. An address in \
         the file is not accepted, and 127.0.0.1 cannot be had.",
    fix: "`mode: host` for the port keeps it to the nodes that run a copy; a reverse proxy in the swarm \
         keeps it off the nodes.",
    references: &[
        Reference::Cis("7.3", "7.2"),
        Reference::Docs("engine/swarm/ingress/"),
    ],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    let in_swarm = estate.engine.as_ref().is_some_and(|engine| engine.swarm);
    for (place, port) in facts::published(estate) {
        let swarm = place.service.swarm || place.service.label("com.docker.swarm.service.name").is_some();
        if !swarm || port.host_mode {
            continue;
        }
        // Without a swarm compose reads the section for the number of copies only.
        let sure = if in_swarm {
            Confidence::Certain
        } else {
            Confidence::Possible
        };
        out.push(
            Finding::of(
                place,
                &port.at,
                format!(
                    "in a swarm {} is open on every address of every node",
                    port.shown()
                ),
            )
            .severity(if in_swarm { Severity::Medium } else { Severity::Low })
            .sure(sure)
            .key(port.key())
            .fix("`mode: host` in the long syntax, or a reverse proxy inside the swarm"),
        );
    }
}
