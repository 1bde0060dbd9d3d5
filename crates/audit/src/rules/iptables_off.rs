//! `iptables-off`: the engine may not write firewall rules.

use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

pub(super) const RULE: Rule = Rule {
    id: "iptables-off",
    title: "The engine may not write firewall rules",
    severity: Severity::Medium,
    needs: Needs::Engine,
    what: "`\"iptables\": false`.",
    why: "No port is published as Docker means it, networks are not kept apart, and `--internal` is \
         not: whoever has a route reaches every container. It is often set to make ufw count; it makes \
         more reachable, not less.",
    fix: "Remove the setting; publish on addresses instead.",
    references: &[
        Reference::Cis("2.4", "2.4"),
        Reference::DockerBench("check_2_4"),
        Reference::Docs("engine/network/packet-filtering-firewalls/"),
    ],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    let setting = estate.engine.as_ref().and_then(|engine| engine.iptables.as_ref());
    if let Some(iptables) = setting.filter(|set| !set.value) {
        out.push(
            Finding::new(
                &iptables.at,
                "Docker keeps no network apart: containers are reached on their own addresses",
            )
            .severity(Severity::Medium)
            .fix("remove `\"iptables\": false`; publish on `127.0.0.1` what only the host needs"),
        );
    }
}
