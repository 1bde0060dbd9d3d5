//! `duplicate-port`: two services publish one port of the host.

use std::collections::BTreeMap;

use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Estate, Place, Port, Protocol};
use crate::rule::{Needs, Rule};

use super::facts;

pub(super) const RULE: Rule = Rule {
    id: "duplicate-port",
    title: "Two services publish one port of the host",
    severity: Severity::Medium,
    needs: Needs::Files,
    what: "Two entries of one project, or of several projects in one audit, with the same host port and \
         overlapping addresses.",
    why: "The second does not start, or, worse, is started first one day and answers in the other's \
         place.",
    fix: "Give one of them another host port.",
    references: &[],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    let mut taken: BTreeMap<(Protocol, u16), Vec<(Place<'_>, &Port)>> = BTreeMap::new();
    for (place, port) in facts::published(estate) {
        let Some(range) = port
            .published
            .filter(|range| range.count() <= 1024 && (range.count() == port.target.count()))
        else {
            continue;
        };
        for number in range.first..=range.last {
            let others = taken.entry((port.protocol, number)).or_default();
            let other = others.iter().find(|(other, theirs)| {
                let same_address = facts::is_wildcard(estate, theirs)
                    || facts::is_wildcard(estate, port)
                    || facts::host_ip(estate, theirs) == facts::host_ip(estate, port);
                let itself = std::ptr::eq(*theirs, port);
                same_address && !itself && other.service.origin == place.service.origin
            });
            if let Some((other, theirs)) = other {
                let same = std::ptr::eq(other.project, place.project);
                let severity = if same { Severity::Medium } else { Severity::Info };
                let sure = if same {
                    Confidence::Certain
                } else {
                    Confidence::Possible
                };
                out.push(
                    Finding::of(
                        place,
                        &port.at,
                        format!(
                            "port {number}/{} of the host is {}'s too ({})",
                            port.protocol, other.service.name, theirs.at
                        ),
                    )
                    .severity(severity)
                    .sure(sure)
                    .key(format!("{number}/{}", port.protocol))
                    .fix("another host port for one of them"),
                );
                break;
            }
            others.push((place, port));
        }
    }
}
