//! `wildcard-publish`: a port is published on every address of the host.

use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

use super::facts;

pub(super) const RULE: Rule = Rule {
    id: "wildcard-publish",
    title: "A port is published on every address of the host",
    severity: Severity::Medium,
    needs: Needs::Files,
    what: "A published port without address, or with 0.0.0.0 or [::].",
    why: "Docker forwards such a port before the host's own firewall looks at it (DNAT, then FORWARD \
         instead of INPUT). Everybody who has a route to any address of the host reaches it, ufw or \
         not.",
    fix: "Publish on the address that needs it, most often `127.0.0.1:8080:80` behind a reverse proxy.",
    references: &[
        Reference::Cis("5.13", "5.14"),
        Reference::Kics("container_traffic_not_bound_to_host_interface"),
        Reference::DockerBench("check_5_14"),
        Reference::Docs("engine/network/port-publishing/"),
    ],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for (place, port) in facts::published(estate) {
        if !facts::is_wildcard(estate, port) {
            continue;
        }
        let (severity, fact) = facts::outside(estate, port, Severity::Medium);
        let message = format!(
            "port {} of the container is reached through {} on every address of the host{fact}",
            port.target,
            port.shown()
        );
        let host = port.published.map_or_else(String::new, |range| range.to_string());
        out.push(
            Finding::of(place, &port.at, message)
                .severity(severity)
                .key(port.key())
                .fix(format!(
                    "`127.0.0.1:{host}:{}/{}`, or the one address that needs it",
                    port.target, port.protocol
                )),
        );
    }
}
