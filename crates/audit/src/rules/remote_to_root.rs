//! `remote-to-root`: one hole in this service is root on the host.

use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Estate, Reach};
use crate::rule::{Needs, Rule};

use super::facts;

pub(super) const RULE: Rule = Rule {
    id: "remote-to-root",
    title: "One hole in this service is root on the host",
    severity: Severity::Critical,
    needs: Needs::Files,
    what: "A service that commands the engine and is reached from other machines: published on every \
         address, or in host mode.",
    why: "The socket alone needs somebody inside first. Together with a port that everybody reaches \
         there is one step from the network to root.",
    fix: "Separate the two: the part with the port talks to a socket proxy on an internal network.",
    references: &[],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.places() {
        let Some(socket) = facts::commands_engine(place) else {
            continue;
        };
        let wildcard = facts::published(estate).find(|(other, port)| {
            std::ptr::eq(other.service, place.service) && facts::is_wildcard(estate, port)
        });
        let (at, way) = match wildcard {
            Some((_, port)) => (port.at.clone(), format!("is open on {}", port.shown())),
            None if estate.reach(place) == Reach::Host => {
                (place.service.mode_at(), "is in the host's network".to_owned())
            }
            None => continue,
        };
        out.push(
            Finding::of(
                place,
                &at,
                format!("{way} and {socket}: from the network to root in one step"),
            )
            .severity(Severity::Critical)
            .sure(Confidence::Likely)
            .fix("a socket proxy on an internal network, and `127.0.0.1:` in front of the port"),
        );
    }
}
