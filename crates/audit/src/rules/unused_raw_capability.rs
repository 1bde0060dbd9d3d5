//! `unused-raw-capability`: nET_RAW is kept and not used.

use crate::finding::{Confidence, Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

pub(super) const RULE: Rule = Rule {
    id: "unused-raw-capability",
    title: "NET_RAW is kept and not used",
    severity: Severity::Low,
    needs: Needs::Behaviour,
    what: "A watched container that has NET_RAW and made no raw or packet socket.",
    why: "NET_RAW forges packets and addresses on the container's network: ARP, DNS answers, source \
         addresses.",
    fix: "`cap_drop: [NET_RAW]`.",
    references: &[Reference::Cis("5.3", "5.4")],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    let Some(host) = &estate.host else { return };
    for place in estate.places() {
        let Some(seen) = host.observed(&place.service.name) else {
            continue;
        };
        if !seen.raw && place.service.has_capability("NET_RAW") && place.service.privileged.is_none() {
            out.push(
                Finding::of(
                    place,
                    &place.service.at,
                    format!("made no raw socket in {} s", seen.seconds),
                )
                .severity(Severity::Low)
                .sure(Confidence::Likely)
                .fix("`cap_drop: [NET_RAW]`"),
            );
        }
    }
}
