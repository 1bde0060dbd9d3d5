//! `host-port-clash`: a host-mode service wants a port that another one has.

use std::collections::BTreeMap;

use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Estate, Place};
use crate::position::Position;
use crate::rule::{Needs, Rule};

use super::{contained, facts};

pub(super) const RULE: Rule = Rule {
    id: "host-port-clash",
    title: "A host-mode service wants a port that another one has",
    severity: Severity::Medium,
    needs: Needs::Files,
    what: "Ports that host-mode services declare (`expose`, `ports`, the image's EXPOSE) and ports that \
         others publish or declare in host mode; on a running host, the listener that has the port.",
    why: "In host mode there is one set of ports for all. The second program fails, or with \
         SO_REUSEPORT silently takes a part of the connections.",
    fix: "Another port for one of them, or a network of its own. A program that cannot be told another port is \
         moved by a label: with `cofferdam.bind: \"80=8080\"` it binds 80, and 8080 is really bound. Cofferdam \
         refuses a protected service the port that another one has.",
    references: &[],
    check,
};

/// Who wants a port, where that stands, and whether in host mode.
type Claim<'a> = (Place<'a>, u16, Position, bool);

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    let mut taken: BTreeMap<u16, Vec<(Place<'_>, bool)>> = BTreeMap::new();
    for (place, port, at, hosts) in claims(estate) {
        let others = taken.entry(port).or_default();
        let other = others
            .iter()
            .find(|(other, theirs)| (hosts || *theirs) && !std::ptr::eq(other.service, place.service));
        if let Some((other, _)) = other {
            let same = std::ptr::eq(other.project, place.project);
            let message = format!(
                "wants port {port} of the host, which {} wants too",
                other.service.name
            );
            out.push(
                Finding::of(place, &at, message)
                    .severity(if same { Severity::Medium } else { Severity::Info })
                    .sure(if same {
                        Confidence::Likely
                    } else {
                        Confidence::Possible
                    })
                    .key(port.to_string())
                    .fix(format!(
                        "another port for one of them, with Cofferdam by the {}, or a network of its own",
                        contained::offer(port)
                    )),
            );
        }
        others.push((place, hosts));
    }
}

fn claims(estate: &Estate) -> Vec<Claim<'_>> {
    let mut claims: Vec<Claim<'_>> = Vec::new();
    for place in estate.in_host_mode() {
        let exposed = place
            .service
            .expose
            .iter()
            .map(|expose| (expose.value, expose.at.clone()));
        let ports = place
            .service
            .ports
            .iter()
            .map(|port| (port.target, port.at.clone()));
        for (range, at) in exposed.chain(ports).filter(|(range, _)| range.count() <= 256) {
            // On an address of its own it is in nobody's way.
            let really = (range.first..=range.last).filter_map(|port| contained::really(place.service, port));
            claims.extend(really.map(|port| (place, port, at.clone(), true)));
        }
    }
    for (place, port) in facts::published(estate) {
        for (published, _) in port.pairs().into_iter().take(256) {
            if let Some(range) = published.filter(|range| range.count() == 1) {
                claims.push((place, range.first, port.at.clone(), false));
            }
        }
    }
    claims
}
