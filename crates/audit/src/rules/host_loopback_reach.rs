//! `host-loopback-reach`: a container in host mode reaches services that are for the host alone.

use crate::finding::{Finding, Severity};
use crate::host::Listener;
use crate::model::Estate;
use crate::rule::{Needs, Rule};

use super::{contained, facts};

pub(super) const RULE: Rule = Rule {
    id: "host-loopback-reach",
    title: "A container in host mode reaches services that are for the host alone",
    severity: Severity::High,
    needs: Needs::Host,
    what: "Host-mode containers, joined ones included, beside listeners on 127.0.0.1 or [::1] of the \
         running host.",
    why: "Much software binds to loopback and asks for no password, because only the host was meant to \
         reach it. In host mode the container is the host. A firewall does not look at loopback.",
    fix: "A network of its own for the container. Or an identity label: Cofferdam then refuses \
         the connection at once. What is for one service alone belongs on a loopback of its own: \
         `cofferdam.loopback: private`.",
    references: &[],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    let Some(host) = &estate.host else { return };
    for place in estate.in_host_mode() {
        if place.service.running == Some(false) {
            continue;
        }
        let reached: Vec<String> = host
            .loopback_listeners()
            .filter(|listener| !listener.is_of(place.service.id.as_deref()))
            .filter(|listener| !contained::is_somebodys_own(listener.address))
            .map(|listener| shown(estate, listener))
            .collect();
        if reached.is_empty() {
            continue;
        }
        let opens = contained::opens(place.service, "cofferdam.egress", "host");
        let (severity, fact) = match place.service.running {
            _ if contained::is_protected(place.service) && !opens => (
                Severity::Info,
                "; Cofferdam refuses that, unless a policy allows it",
            ),
            Some(_) => (Severity::High, ""),
            None => (Severity::Medium, ""),
        };
        out.push(
            Finding::of(
                place,
                &place.service.mode_at(),
                format!(
                    "reaches {} meant for this host alone: {}{fact}",
                    facts::count(reached.len(), "service"),
                    facts::list(&reached)
                ),
            )
            .severity(severity)
            .fix("a network of its own, or a label that says who it is (`cofferdam protect`)"),
        );
    }
}

/// The container is named where the listener is Docker's proxy for it.
fn shown(estate: &Estate, listener: &Listener) -> String {
    let proxy = listener
        .owner
        .as_ref()
        .is_some_and(|owner| owner.command == "docker-proxy");
    let behind = facts::published(estate).filter(|_| proxy).find(|(_, port)| {
        let same = port.protocol == listener.protocol && port.host_ip == Some(listener.address);
        same && port.published.is_some_and(|range| range.contains(listener.port))
    });
    match behind {
        Some((place, _)) => format!("{} for {}", listener.shown(), place.service.name),
        None => listener.shown(),
    }
}
