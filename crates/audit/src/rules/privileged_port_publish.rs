//! `privileged-port-publish`: a port below 1024 of the host is published.

use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

use super::facts;

pub(super) const RULE: Rule = Rule {
    id: "privileged-port-publish",
    title: "A port below 1024 of the host is published",
    severity: Severity::Low,
    needs: Needs::Files,
    what: "A published host port below 1024.",
    why: "Such ports belong to services that others trust (SSH, mail, DNS). A container that takes one \
         answers in their name.",
    fix: "Publish a higher port, or let the reverse proxy alone have 80 and 443.",
    references: &[
        Reference::Cis("5.7", "5.8"),
        Reference::Kics("privileged_ports_mapped_in_container"),
        Reference::DockerBench("check_5_8"),
    ],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for (place, port) in facts::published(estate) {
        let Some(range) = port
            .published
            .filter(|range| range.first < 1024 && range.first > 0)
        else {
            continue;
        };
        // Web ports are what most people publish on purpose.
        let severity = if matches!(range.first, 80 | 443) {
            Severity::Info
        } else {
            Severity::Low
        };
        out.push(
            Finding::of(
                place,
                &port.at,
                format!("takes the host's port {range}/{}", port.protocol),
            )
            .severity(severity)
            .key(port.key())
            .fix(format!(
                "a host port from 1024 on, such as `{}:{}`",
                u32::from(range.first) + 8000,
                port.target
            )),
        );
    }
}
