//! `gateway-reach`: bridged containers reach services of the host through their gateway.

use crate::finding::{Confidence, Finding, Severity};
use crate::host::{Gate, Host, Listener, Sender};
use crate::model::{Estate, Network, Place, Reach};
use crate::rule::{Needs, Rule};

use super::facts;

pub(super) const RULE: Rule = Rule {
    id: "gateway-reach",
    title: "Bridged containers reach services of the host through their gateway",
    severity: Severity::Medium,
    needs: Needs::Host,
    what: "Containers with a network of their own, `internal` ones included, beside services of the host \
         that listen on every address.",
    why: "The gateway of a bridge is an address of the host. What listens on 0.0.0.0 is reached there \
         by every container, also from networks that are `internal` and so seem cut off. 127.0.0.1 is \
         not reached.",
    fix: "Bind the service to the address that needs it, or drop packets from bridges in INPUT. \
         Cofferdam denies it to protected workloads.",
    references: &[],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    let Some(host) = &estate.host else { return };
    let open = open_services(host);
    if open.is_empty() {
        return;
    }
    let bridged = |place: &Place<'_>| {
        let own = estate.reach(*place) == Reach::Own && estate.joined(*place).is_empty();
        own && !place.is_without_gateway()
    };
    for place in estate.places().filter(bridged) {
        let internal = place.is_internal();
        let is_bridge = |network: &Network| {
            let driver = network.driver.as_ref();
            driver.is_none_or(|driver| driver.value == "bridge")
        };
        if !place.networks().all(is_bridge) {
            continue;
        }
        let (severity, fact) = if internal {
            (Severity::Medium, ", although its networks are internal")
        } else {
            (Severity::Low, "")
        };
        let message = format!(
            "reaches services of the host through its gateway{fact}: {}",
            facts::list(&open)
        );
        out.push(
            Finding::of(place, &place.service.at, message)
                .severity(severity)
                .sure(Confidence::Likely)
                .fix("bind them to the address that needs them, or drop packets from bridges in INPUT"),
        );
    }
}

/// They hold published ports, which are told elsewhere.
const PROXIES: &[&str] = &["docker-proxy", "conmon", "rootlessport"];

/// What listens on every address, and the firewall lets in.
fn open_services(host: &Host) -> Vec<String> {
    let owner = |listener: &Listener| {
        let owner = listener.owner.as_ref();
        owner.map_or_else(String::new, |owner| owner.command.clone())
    };
    host.listeners
        .iter()
        .filter(|listener| listener.is_wildcard() && !PROXIES.contains(&owner(listener).as_str()))
        .filter(|listener| host.gate(listener, Sender::Bridges) != Gate::Shut)
        .map(|listener| {
            let text = format!("{}/{} {}", listener.port, listener.protocol, owner(listener));
            text.trim_end().to_owned()
        })
        .collect()
}
