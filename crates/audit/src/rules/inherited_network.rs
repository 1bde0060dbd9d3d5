//! `inherited-network`: a container has the host's or another container's network through a third.

use crate::finding::{Finding, Severity};
use crate::model::{Estate, Reach};
use crate::rule::{Needs, Rule};

pub(super) const RULE: Rule = Rule {
    id: "inherited-network",
    title: "A container has the host's or another container's network through a third",
    severity: Severity::Medium,
    needs: Needs::Files,
    what: "`network_mode: service:` or `container:`, followed to the service that owns the network.",
    why: "Joined containers share loopback, ports and abstract sockets: what one of them binds to \
         127.0.0.1 the others reach. Where the owner is in host mode, all of them are, and nothing in \
         their own lines says so.",
    fix: "Separate networks with published or internal ports; where a VPN container must own the \
         network, keep to it only what must go through it.",
    references: &[],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.places() {
        let chain = estate.joined(place);
        let Some(owner) = chain.last() else { continue };
        let names: Vec<&str> = chain.iter().map(|place| place.service.name.as_str()).collect();
        let way = names.join(" -> ");
        let (severity, message) = match estate.reach(place) {
            Reach::Host => (
                Severity::High,
                format!("is in the host's network through {way}: it reaches what listens on 127.0.0.1"),
            ),
            _ => (
                Severity::Info,
                match names.as_slice() {
                    [one] => format!("shares loopback and ports with {one}"),
                    _ => format!(
                        "shares loopback and ports with {} (through {way})",
                        owner.service.name
                    ),
                },
            ),
        };
        out.push(
            Finding::of(place, &place.service.mode_at(), message)
                .severity(severity)
                .key(way)
                .fix("a network of its own, or a network that both are on"),
        );
    }
}
