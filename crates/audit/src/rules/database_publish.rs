//! `database-publish`: a database, broker or administration port is published on every address.

use crate::finding::{Confidence, Finding, Severity};
use crate::known::known_port;
use crate::model::Estate;
use crate::rule::{Needs, Rule};

use super::facts;

pub(super) const RULE: Rule = Rule {
    id: "database-publish",
    title: "A database, broker or administration port is published on every address",
    severity: Severity::High,
    needs: Needs::Files,
    what: "Published ports without address whose port inside the container, or whose image, is that of a \
         database, a broker or an administration page. The published number does not matter: \
         15432:5432 is as open.",
    why: "Such software asks for a weak password or none, is found by scanners within hours, and \
         Docker's port walks past ufw.",
    fix: "Do not publish it: other services of the project reach it by its name. For the host's own \
         tools publish on 127.0.0.1.",
    references: &[],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for (place, port) in facts::published(estate) {
        if !facts::is_wildcard(estate, port) {
            continue;
        }
        let numbers = (port.target.first..=port.target.last).take(1024);
        let Some((known, sure)) = numbers
            .clone()
            .find_map(|number| known_port(place.service, number))
        else {
            continue;
        };
        let (severity, fact) = facts::outside(estate, port, Severity::High);
        out.push(
            Finding::of(
                place,
                &port.at,
                format!(
                    "{} ({}) is open to everybody through {} on every address of the host{fact}",
                    known.name,
                    known.kind,
                    port.shown()
                ),
            )
            .severity(severity)
            .sure(if sure { Confidence::Certain } else { Confidence::Likely })
            .key(port.key())
            .fix("remove the port: the project's services reach it by name; `127.0.0.1:` in front for the host alone"),
        );
    }
}
