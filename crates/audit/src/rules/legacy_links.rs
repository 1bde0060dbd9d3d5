//! `legacy-links`: legacy links.

use crate::finding::{Finding, Severity};
use crate::model::{Estate, NetworkMode};
use crate::rule::{Needs, Reference, Rule};

pub(super) const RULE: Rule = Rule {
    id: "legacy-links",
    title: "Legacy links",
    severity: Severity::Low,
    needs: Needs::Files,
    what: "`links` and `external_links`.",
    why: "On the default bridge they copy the other container's environment, passwords included, into \
         this one. On networks of a project names are found without them.",
    fix: "Remove them; a service is reached by its name.",
    references: &[Reference::Docs("engine/network/links/")],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.places() {
        for link in &place.service.links {
            let bridge = place
                .service
                .network_mode
                .as_ref()
                .is_some_and(|mode| mode.value == NetworkMode::Bridge);
            let (severity, fact) = if bridge {
                (Severity::Medium, ": it gets that one's environment")
            } else {
                (Severity::Low, "")
            };
            out.push(
                Finding::of(place, &link.at, format!("is linked to {}{fact}", link.value))
                    .severity(severity)
                    .key(link.value.clone())
                    .fix("remove the link: services of a project find each other by name"),
            );
        }
    }
}
