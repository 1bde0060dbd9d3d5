//! `no-firewall-driver`: docker writes no firewall rule for this network.

use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

pub(super) const RULE: Rule = Rule {
    id: "no-firewall-driver",
    title: "Docker writes no firewall rule for this network",
    severity: Severity::Medium,
    needs: Needs::Files,
    what: "Networks with `driver: macvlan` or `ipvlan`.",
    why: "The container is a machine on the LAN: every port it listens on is open there, published or \
         not; the host's firewall is not on the way. (Host mode is the third of the kind and has a \
         rule of its own.)",
    fix: "A firewall on the LAN, or a bridge. Cofferdam guards such containers by their labels.",
    references: &[Reference::Docs("engine/network/drivers/macvlan/")],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.places() {
        for network in place.networks() {
            let driver = network
                .driver
                .as_ref()
                .filter(|driver| matches!(driver.value.as_str(), "macvlan" | "ipvlan"));
            let Some(driver) = driver else { continue };
            out.push(
                Finding::of(
                    place,
                    &driver.at,
                    format!(
                        "is on {} ({}): every port that it listens on is open to the LAN",
                        network.key, driver.value
                    ),
                )
                .severity(Severity::Medium)
                .key(network.key.clone())
                .fix("a bridge with published ports, or an identity label so that Cofferdam guards it"),
            );
        }
    }
}
