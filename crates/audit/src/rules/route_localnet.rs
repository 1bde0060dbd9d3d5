//! `route-localnet`: an interface delivers packets for 127.0.0.1.

use crate::finding::{Confidence, Finding, Severity};
use crate::model::Estate;
use crate::position::Position;
use crate::rule::{Needs, Rule};

use super::facts;

pub(super) const RULE: Rule = Rule {
    id: "route-localnet",
    title: "An interface delivers packets for 127.0.0.1",
    severity: Severity::Medium,
    needs: Needs::Host,
    what: "`net.ipv4.conf.*.route_localnet` is 1 for an interface of the running host.",
    why: "The kernel then routes 127.0.0.0/8 like any network: containers of that bridge, or neighbours \
         on that link, reach services that are bound to loopback, if a rule sends them there.",
    fix: "`sysctl net.ipv4.conf.IFACE.route_localnet=0`; engines before 28, Podman and some proxies set it.",
    references: &[],
    check,
};

/// How interfaces of Docker, compose and Podman begin.
const BRIDGES: &[&str] = &["docker", "br-", "podman", "cni-"];

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    let Some(host) = &estate.host else { return };
    for (interface, on) in &host.route_localnet {
        if !on || interface == "lo" {
            continue;
        }
        let bridge = BRIDGES.iter().any(|bridge| interface.starts_with(bridge));
        let (severity, who) = if bridge {
            (Severity::Medium, "containers on that bridge")
        } else {
            (Severity::High, "neighbours on that link")
        };
        let services = host.loopback_listeners().count();
        let severity = if services == 0 { Severity::Low } else { severity };
        out.push(
            Finding::new(
                &Position::start("host:sysctl"),
                format!(
                    "{interface} delivers packets for 127.0.0.0/8: {who} may reach {} meant for the host alone",
                    facts::count(services, "service")
                ),
            )
            .severity(severity)
            .sure(Confidence::Likely)
            .key(interface.clone())
            .fix(format!("`sysctl net.ipv4.conf.{interface}.route_localnet=0`")),
        );
    }
}
