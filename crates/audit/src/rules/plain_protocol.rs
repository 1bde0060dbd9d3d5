//! `plain-protocol`: a protocol in clear is open to the world.

use crate::finding::{Finding, Severity};
use crate::host::{Gate, Sender};
use crate::known::plain_protocol;
use crate::model::Estate;
use crate::position::Position;
use crate::rule::{Needs, Rule};

use super::facts;

pub(super) const RULE: Rule = Rule {
    id: "plain-protocol",
    title: "A protocol in clear is open to the world",
    severity: Severity::High,
    needs: Needs::Host,
    what: "Listeners of the host and published ports on every address whose protocol neither encrypts \
         nor, by default, asks who speaks, on a host with a public address or of unknown kind.",
    why: "Everybody on the way reads it, and everybody at all may speak it.",
    fix: "Bind it to a private address, or put TLS in front.",
    references: &[],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    let Some(host) = &estate.host else { return };
    let public = host.public_addresses().next().is_some();
    let severity = if public { Severity::High } else { Severity::Low };
    let who = if public { "the Internet" } else { "the LAN" };
    for (place, port) in facts::published(estate).filter(|(_, port)| facts::is_wildcard(estate, port)) {
        if let Some(name) = plain_protocol(port.target.first) {
            out.push(
                Finding::of(
                    place,
                    &port.at,
                    format!("{name} in clear is open to {who} on {}", port.shown()),
                )
                .severity(severity)
                .key(port.key())
                .fix("an address in front of the port, or TLS"),
            );
        }
    }
    for listener in host.listeners.iter().filter(|listener| listener.is_wildcard()) {
        let proxy = listener
            .owner
            .as_ref()
            .is_some_and(|owner| owner.command == "docker-proxy");
        let Some(name) = plain_protocol(listener.port).filter(|_| !proxy) else {
            continue;
        };
        if host.gate(listener, Sender::Lan) != Gate::Shut {
            out.push(
                Finding::new(
                    &Position::start("host:listeners"),
                    format!("{name} in clear is open to {who}: {}", listener.shown()),
                )
                .severity(severity)
                .key(listener.shown())
                .fix("bind it to a private address, or TLS in front"),
            );
        }
    }
}
