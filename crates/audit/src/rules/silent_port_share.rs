//! `silent-port-share`: two programs listen on one port at once.

use crate::finding::{Finding, Severity};
use crate::host::Listener;
use crate::model::Estate;
use crate::position::Position;
use crate::rule::{Needs, Rule};

pub(super) const RULE: Rule = Rule {
    id: "silent-port-share",
    title: "Two programs listen on one port at once",
    severity: Severity::High,
    needs: Needs::Host,
    what: "Two listeners of a running host with the same protocol and port and overlapping addresses, of \
         different owners.",
    why: "SO_REUSEPORT on TCP and UDP, and SO_REUSEADDR on UDP, let both bind without an error. The \
         kernel then deals connections and datagrams out among them: somebody else answers.",
    fix: "Stop one of them. Cofferdam refuses a protected workload such a bind, but for what \
         `cofferdam.allow: shared:PORT` declares.",
    references: &[],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    let Some(host) = &estate.host else { return };
    let owner = |listener: &Listener| {
        let owner = listener.owner.as_ref()?;
        Some(owner.container.clone().unwrap_or_else(|| owner.command.clone()))
    };
    for (at, one) in host.listeners.iter().enumerate() {
        let shared = host.listeners[..at].iter().find(|other| {
            let overlap = one.address == other.address
                || ((one.is_wildcard() || other.is_wildcard())
                    && one.address.is_ipv4() == other.address.is_ipv4());
            // The bridge's own resolver and multicast users share ports by design.
            let by_design = matches!(one.port, 53 | 67 | 68 | 1900 | 5353 | 5355);
            let both = (owner(one), owner(other));
            let differ = matches!(&both, (Some(mine), Some(theirs)) if mine != theirs);
            (one.protocol, one.port) == (other.protocol, other.port) && overlap && differ && !by_design
        });
        if let Some(other) = shared {
            let same_address = one.address == other.address;
            let severity = if same_address {
                Severity::High
            } else {
                Severity::Medium
            };
            out.push(
                Finding::new(
                    &Position::start("host:listeners"),
                    format!(
                        "{} and {} listen on one port: each gets a part",
                        other.shown(),
                        one.shown()
                    ),
                )
                .severity(severity)
                .key(format!("{}/{}", one.port, one.protocol))
                .fix("stop one of them, or give it another port"),
            );
        }
    }
}
