//! `loopback-publish-leak`: publishing on 127.0.0.1 is not enough here.

use crate::engine::Version;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

use super::facts;

pub(super) const RULE: Rule = Rule {
    id: "loopback-publish-leak",
    title: "Publishing on 127.0.0.1 is not enough here",
    severity: Severity::High,
    needs: Needs::Host,
    what: "Ports published on loopback with an engine before 28.0.0, with `allow-direct-routing`, or on \
         a network whose gateway mode is `nat-unprotected` or `routed`.",
    why: "Before 28.0.0 a neighbour on the same link sent packets for 127.0.0.1 or for the container's \
         own address to the host, and Docker let them through. The gateway modes and the setting bring \
         that back.",
    fix: "Engine 28 or newer, gateway mode `nat`, no `allow-direct-routing`.",
    references: &[Reference::Docs("engine/network/port-publishing/")],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    let engine = estate.engine.as_ref();
    let old = engine.and_then(|engine| engine.is_before(&Version(28, 0, 0)));
    let routing = engine
        .and_then(|engine| engine.direct_routing.as_ref())
        .is_some_and(|set| set.value);
    for (place, port) in facts::published(estate).filter(|(_, port)| port.is_loopback()) {
        let host = estate.host.as_ref();
        let held = host.is_some_and(|host| host.firewall.guards_loopback(port));
        let open_network = place.networks().find_map(|network| {
            ["ipv4", "ipv6"].iter().find_map(|family| {
                let mode = network.option(&format!("com.docker.network.bridge.gateway_mode_{family}"))?;
                matches!(mode.0, "nat-unprotected" | "routed")
                    .then(|| format!("network {} is in gateway mode {}", network.key, mode.0))
            })
        });
        let why = match (open_network, old) {
            (Some(why), _) => why,
            (None, Some(true)) if !held => match engine.and_then(|engine| engine.version.as_ref()) {
                Some(version) => format!("engine {version} is older than 28.0.0"),
                None => continue,
            },
            (None, _) if routing && !held => "the engine allows direct routing".to_owned(),
            _ => continue,
        };
        out.push(
            Finding::of(
                place,
                &port.at,
                format!(
                    "{} is meant for this host, but neighbours on the LAN reach it: {why}",
                    port.shown()
                ),
            )
            .severity(Severity::High)
            .sure(Confidence::Likely)
            .key(port.key())
            .fix("engine 28 or newer, and gateway mode `nat`"),
        );
    }
}
