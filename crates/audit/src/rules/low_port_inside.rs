//! `low-port-inside`: a program binds a low port inside the container.

use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Rule};

use super::facts;

pub(super) const RULE: Rule = Rule {
    id: "low-port-inside",
    title: "A program binds a low port inside the container",
    severity: Severity::Info,
    needs: Needs::Files,
    what: "Published ports whose port inside the container is below 1024.",
    why: "It needs NET_BIND_SERVICE and, mostly, to start as root. A program on 8080 needs neither: \
         publish 80:8080.",
    fix: "Let the program listen on a port from 1024 on and remap it, then `cap_drop: [ALL]` and a \
         `user`.",
    references: &[],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for (place, port) in facts::published(estate) {
        if (1..1024).contains(&port.target.first) && place.service.has_capability("NET_BIND_SERVICE") {
            let up = u32::from(port.target.first) + 8000;
            let host = port
                .published
                .map_or_else(|| port.target.to_string(), |range| range.to_string());
            out.push(
                Finding::of(
                    place,
                    &port.at,
                    format!("binds {} inside: it needs NET_BIND_SERVICE", port.target),
                )
                .severity(Severity::Info)
                .key(port.key())
                .fix(format!("listen on {up} inside and publish `{host}:{up}`")),
            );
        }
    }
}
