//! `firewall-bypass`: a published port walks past the host's firewall.

use crate::finding::{Finding, Severity};
use crate::host::{Gate, Sender, family_of};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

use super::facts;

pub(super) const RULE: Rule = Rule {
    id: "firewall-bypass",
    title: "A published port walks past the host's firewall",
    severity: Severity::High,
    needs: Needs::Host,
    what: "An active firewall that drops what it does not know, and published ports that it does not let \
         in.",
    why: "Docker's DNAT comes first: the packet is forwarded, and rules for the host (INPUT, ufw) never \
         see it. Measured: LAN to a published port is reached with INPUT dropping everything.",
    fix: "Publish on 127.0.0.1 or on the one address; or rules in the chain DOCKER-USER, which Docker \
         passes forwarded packets through.",
    references: &[Reference::Docs("engine/network/packet-filtering-firewalls/")],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    let Some(host) = &estate.host else { return };
    let firewall = &host.firewall;
    for (place, port) in facts::published(estate) {
        let Some(range) = port.published.filter(|_| !port.is_loopback()) else {
            continue;
        };
        let family = family_of(port.host_ip);
        let gate = firewall.gate(family, Sender::Lan, port.protocol, range.first);
        if gate == Gate::Open || firewall.drops_forward(port) {
            continue;
        }
        let (severity, fact) = facts::outside(estate, port, Severity::Medium);
        out.push(
            Finding::of(
                place,
                &port.at,
                format!(
                    "{} does not let {range}/{} in, Docker does{fact}",
                    firewall.name(),
                    port.protocol
                ),
            )
            .severity(severity.worse())
            .key(port.key())
            .fix("publish on `127.0.0.1:`, or write the rule into DOCKER-USER"),
        );
    }
}
