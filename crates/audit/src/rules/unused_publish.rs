//! `unused-publish`: a published port that nobody serves or uses.

use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Estate, Protocol};
use crate::rule::{Needs, Reference, Rule};

use super::facts;

pub(super) const RULE: Rule = Rule {
    id: "unused-publish",
    title: "A published port that nobody serves or uses",
    severity: Severity::Low,
    needs: Needs::Behaviour,
    what: "A watched container that publishes a port on which it does not listen, or on which nobody was \
         connected.",
    why: "It is an opening for nothing: the next program in the container that binds the port is open \
         at once.",
    fix: "Remove it from `ports`.",
    references: &[Reference::Cis("5.8", "5.9")],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    let Some(host) = &estate.host else { return };
    for (place, port) in facts::published(estate) {
        let Some(seen) = host.observed(&place.service.name) else {
            continue;
        };
        let among = |list: &[(Protocol, u16)]| {
            list.iter()
                .any(|(protocol, number)| *protocol == port.protocol && port.target.contains(*number))
        };
        let (severity, what) = match (among(&seen.listens), among(&seen.used)) {
            (false, _) => (Severity::Low, "nothing in the container listens on it"),
            (true, false) => (Severity::Info, "nobody was connected to it"),
            (true, true) => continue,
        };
        out.push(
            Finding::of(
                place,
                &port.at,
                format!(
                    "port {} is published, but {what} (watched for {} s)",
                    port.target, seen.seconds
                ),
            )
            .severity(severity)
            .sure(Confidence::Possible)
            .key(port.key())
            .fix("remove it from `ports`"),
        );
    }
}
