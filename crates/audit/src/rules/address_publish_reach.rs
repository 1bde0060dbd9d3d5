//! `address-publish-reach`: a port on one address of the host is reached through the others.

use crate::finding::{Confidence, Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Rule};

use super::facts;

pub(super) const RULE: Rule = Rule {
    id: "address-publish-reach",
    title: "A port on one address of the host is reached through the others",
    severity: Severity::Low,
    needs: Needs::Host,
    what: "Ports published on one address, on a host with several interfaces.",
    why: "Linux answers for every address on every interface (the weak host model): a neighbour on \
         another link sends to that address through this host, and Docker's rule matches the address, \
         not the interface.",
    fix: "A firewall rule in DOCKER-USER that names the interface; Cofferdam with an opening for `host` \
         only.",
    references: &[],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    let Some(host) = &estate.host else { return };
    for (place, port) in facts::published(estate) {
        let Some(ip) = facts::host_ip(estate, port).filter(|ip| !ip.is_loopback()) else {
            continue;
        };
        let Some(own) = host.interface_of(ip) else {
            continue;
        };
        let mut others: Vec<String> = host
            .addresses
            .iter()
            .filter(|other| other.interface != own && !other.address.addr().is_loopback())
            .filter(|other| {
                !["docker", "br-", "veth"]
                    .iter()
                    .any(|start| other.interface.starts_with(start))
            })
            .map(|other| other.interface.clone())
            .collect();
        others.dedup();
        if !others.is_empty() && !host.firewall.drops_forward(port) {
            out.push(
                Finding::of(
                    place,
                    &port.at,
                    format!(
                        "{ip} is on {own}, but there is a way to it through {} too",
                        facts::list(&others)
                    ),
                )
                .severity(Severity::Low)
                .sure(Confidence::Likely)
                .key(port.key())
                .fix(format!(
                    "in DOCKER-USER drop what comes for it and not through {own}"
                )),
            );
        }
    }
}
