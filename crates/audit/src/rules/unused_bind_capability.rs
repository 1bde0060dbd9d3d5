//! `unused-bind-capability`: NET_BIND_SERVICE is kept and not used.

use crate::finding::{Confidence, Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

pub(super) const RULE: Rule = Rule {
    id: "unused-bind-capability",
    title: "NET_BIND_SERVICE is kept and not used",
    severity: Severity::Info,
    needs: Needs::Behaviour,
    what: "A watched container that has NET_BIND_SERVICE and listens on no port below 1024.",
    why: "A capability that nothing uses helps only an attacker.",
    fix: "`cap_drop: [NET_BIND_SERVICE]`.",
    references: &[Reference::Cis("5.3", "5.4")],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    let Some(host) = &estate.host else { return };
    for place in estate.places() {
        let Some(seen) = host.observed(&place.service.name) else {
            continue;
        };
        let low = seen.listens.iter().any(|(_, port)| *port < 1024);
        if !low && place.service.has_capability("NET_BIND_SERVICE") && place.service.privileged.is_none() {
            out.push(
                Finding::of(
                    place,
                    &place.service.at,
                    format!("bound no port below 1024 in {} s", seen.seconds),
                )
                .severity(Severity::Info)
                .sure(Confidence::Likely)
                .fix("`cap_drop: [NET_BIND_SERVICE]`"),
            );
        }
    }
}
