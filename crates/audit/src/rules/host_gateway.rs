//! `host-gateway`: a container is told the way to the host.

use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Rule};

use super::facts;

pub(super) const RULE: Rule = Rule {
    id: "host-gateway",
    title: "A container is told the way to the host",
    severity: Severity::Low,
    needs: Needs::Files,
    what: "`extra_hosts` with `host-gateway`, most often as `host.docker.internal`.",
    why: "The container is meant to reach services of the host. Those must listen on the gateway's \
         address or on 0.0.0.0, where every other container reaches them too.",
    fix: "Put the service into a container of the project, or bind it to the gateway's address and let \
         in only that container (Cofferdam: `cofferdam.egress: \"host:PORT\"`).",
    references: &[],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.places() {
        for (name, address) in &place.service.extra_hosts {
            if address.trim() != "host-gateway" {
                continue;
            }
            let open: Vec<String> = estate
                .host
                .iter()
                .flat_map(|host| {
                    host.listeners
                        .iter()
                        .filter(|listener| {
                            listener.is_wildcard()
                                || (!listener.address.is_loopback() && listener.address.is_ipv4())
                        })
                        .map(|listener| format!("{}/{}", listener.port, listener.protocol))
                })
                .collect();
            let fact = if open.is_empty() {
                String::new()
            } else {
                format!(": it reaches {}", facts::list(&open))
            };
            out.push(
                Finding::of(
                    place,
                    &name.at,
                    format!("{} is the way to services of the host{fact}", name.value),
                )
                .severity(Severity::Low)
                .key(name.value.clone())
                .fix("the service in a container of the project, or an egress rule for the one port"),
            );
        }
    }
}
