//! `host-network`: a container uses the host's network.

use crate::finding::{Finding, Severity};
use crate::host::{Gate, Host};
use crate::model::{Estate, Place};
use crate::rule::{Needs, Reference, Rule};

use super::{contained, facts};

pub(super) const RULE: Rule = Rule {
    id: "host-network",
    title: "A container uses the host's network",
    severity: Severity::High,
    needs: Needs::Files,
    what: "`network_mode: host`, `--network host`, or an external network named `host`.",
    why: "The container reaches every service that listens on 127.0.0.1 only, binds any port of the \
         host, sees its abstract unix sockets and, with Docker's default capabilities, every packet on \
         every interface. Docker isolates nothing of that. A firewall for the host (ufw) does cover \
         its ports, against what many pages say: they are the host's own.",
    fix: "Give it a network of its own and publish the ports it needs. Where host mode must stay, give \
         it an identity label (`app=...`) and let Cofferdam decide who talks to it; `cofferdam.contain: strict` \
         gives back a loopback and ports of its own, and refuses what it does not declare.",
    references: &[
        Reference::Cis("5.9", "5.10"),
        Reference::Kics("shared_host_network_namespace"),
        Reference::DockerBench("check_5_10"),
        Reference::Docs("engine/network/drivers/host/"),
    ],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.in_host_mode() {
        if !estate.joined(place).is_empty() {
            continue;
        }
        let host = estate.host.as_ref();
        let (severity, fact) = host.map_or((Severity::High, String::new()), |host| outside(host, place));
        let severity = match contained::is_strict(place.service) {
            true => severity.better(),
            false => severity,
        };
        let given_back = match contained::has_own_loopback(place.service) {
            true => "; with Cofferdam 127.0.0.1 is its own, and what else it reaches there is judged",
            false => "",
        };
        let message =
            format!("shares the host's network: it reaches what listens on 127.0.0.1{fact}{given_back}");
        out.push(
            Finding::of(place, &place.service.mode_at(), message)
                .severity(severity)
                .fix("remove `network_mode: host` and publish what it needs, for example `ports: [\"8080:80\"]`"),
        );
    }
}

/// What the firewall does about its ports, and how bad that makes it.
fn outside(host: &Host, place: Place<'_>) -> (Severity, String) {
    let (open, shut): (Vec<_>, Vec<_>) =
        facts::outer_listeners(host, place).partition(|(_, gate)| *gate != Gate::Shut);
    let open: Vec<String> = open
        .iter()
        .map(|(listener, _)| format!("{}/{}", listener.port, listener.protocol))
        .collect();
    let drops = host.firewall.input_drops;
    let (severity, fact) = match (open.as_slice(), shut.as_slice()) {
        ([], [_, ..]) => (
            Severity::High,
            "the firewall covers its ports, not the loopback".to_owned(),
        ),
        ([], []) if drops => (
            Severity::High,
            "the firewall covers what it does not let in, not the loopback".to_owned(),
        ),
        ([_, ..], shut) if drops || !shut.is_empty() => (
            Severity::High,
            format!("the firewall lets in {}", facts::list(&open)),
        ),
        _ if host.public_addresses().next().is_some() => (
            Severity::Critical,
            "nothing filters its ports, and this host has a public address".to_owned(),
        ),
        _ => return (Severity::High, String::new()),
    };
    (severity, format!("; {fact}"))
}
