//! `ipv6-publish`: a port is published on IPv6.

use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

use super::facts;

pub(super) const RULE: Rule = Rule {
    id: "ipv6-publish",
    title: "A port is published on IPv6",
    severity: Severity::Medium,
    needs: Needs::Files,
    what: "`[::]` as address, and networks with `enable_ipv6` whose services publish on every address.",
    why: "IPv6 addresses are mostly public, behind no NAT, and often forgotten in firewalls.",
    fix: "Name the address; on hosts with public IPv6 publish on 127.0.0.1 and let a reverse proxy \
         answer.",
    references: &[Reference::Docs("engine/daemon/ipv6/")],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for (place, port) in facts::published(estate) {
        let named = port.host_ip.is_some_and(|ip| ip.is_ipv6() && ip.is_unspecified());
        let network = place
            .networks()
            .find(|network| network.ipv6)
            .filter(|_| port.host_ip.is_none());
        let why = match (named, network) {
            (true, _) => "`[::]`".to_owned(),
            (false, Some(network)) => format!("network {} has IPv6", network.key),
            (false, None) => continue,
        };
        let public = estate.host.as_ref().and_then(|host| {
            host.public_addresses()
                .find(|address| address.address.addr().is_ipv6())
        });
        let (severity, fact) = match (public, &estate.host) {
            (Some(public), _) => (
                Severity::High,
                format!("; this host has {}", public.address.addr()),
            ),
            (None, Some(_)) => (Severity::Low, "; this host has no public IPv6 address".to_owned()),
            (None, None) => (Severity::Medium, String::new()),
        };
        out.push(
            Finding::of(
                place,
                &port.at,
                format!("port {} is open on IPv6 too ({why}){fact}", port.target),
            )
            .severity(severity)
            .key(port.key())
            .fix("an address in front of the port, such as `127.0.0.1:`"),
        );
    }
}
