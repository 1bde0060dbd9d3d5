//! `firewall-covers`: a host-mode port is covered by the host's firewall.

use crate::finding::{Finding, Severity};
use crate::host::Gate;
use crate::model::Estate;
use crate::rule::{Needs, Rule};

use super::facts;

pub(super) const RULE: Rule = Rule {
    id: "firewall-covers",
    title: "A host-mode port is covered by the host's firewall",
    severity: Severity::Info,
    needs: Needs::Host,
    what: "An active firewall that drops what it does not know, and host-mode containers that listen.",
    why: "Good to know, since several tools and pages say the opposite: the ports of a host-mode \
         container are the host's own, and rules for the host hold for them.",
    fix: "Nothing, or let the port in where it is wanted. Loopback and other containers are not \
         covered.",
    references: &[],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    let Some(host) = &estate.host else { return };
    for place in estate.in_host_mode() {
        let covered: Vec<String> = facts::outer_listeners(host, place)
            .filter(|(_, gate)| *gate == Gate::Shut)
            .map(|(listener, _)| format!("{}/{}", listener.port, listener.protocol))
            .collect();
        if !covered.is_empty() {
            out.push(
                Finding::of(
                    place,
                    &place.service.mode_at(),
                    format!(
                        "{} keeps the LAN from its ports {}; this host reaches them",
                        host.firewall.name(),
                        facts::list(&covered)
                    ),
                )
                .severity(Severity::Info)
                .fix("nothing; a rule that lets the port in, where that is wanted"),
            );
        }
    }
}
