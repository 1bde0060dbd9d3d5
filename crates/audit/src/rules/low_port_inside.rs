//! `low-port-inside`: a program binds a low port inside the container.

use crate::engine::Version;
use crate::finding::{Finding, Severity};
use crate::model::{Estate, Protocol};
use crate::rule::{Needs, Rule};

use super::facts;

pub(super) const RULE: Rule = Rule {
    id: "low-port-inside",
    title: "A program binds a low port inside the container",
    severity: Severity::Info,
    needs: Needs::Files,
    what: "Published ports whose port inside the container is below 1024; not where a Docker Engine of 20.10 \
         or newer answers, which lets every program of a bridged container bind them \
         (`net.ipv4.ip_unprivileged_port_start=0`).",
    why: "With Podman, with older engines and in host mode it takes NET_BIND_SERVICE and, mostly, a start as \
         root. A program on 8080 needs neither: publish 80:8080.",
    fix: "Let the program listen on a port from 1024 on and remap it, then `cap_drop: [ALL]` and a \
         `user`.",
    references: &[],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    let engine = estate.engine.as_ref();
    if engine.and_then(|engine| engine.is_before(&Version(20, 10, 0))) == Some(false) {
        return;
    }
    for (place, port) in facts::published(estate) {
        if (1..1024).contains(&port.target.first) && place.service.has_capability("NET_BIND_SERVICE") {
            let protocol = match port.protocol {
                Protocol::Tcp => String::new(),
                other => format!("/{other}"),
            };
            let up = u32::from(port.target.first) + 8000;
            let host = port
                .published
                .map_or_else(|| port.target.to_string(), |range| range.to_string());
            out.push(
                Finding::of(
                    place,
                    &port.at,
                    format!(
                        "binds {} inside: with Podman, or Docker before 20.10, that takes NET_BIND_SERVICE",
                        port.target
                    ),
                )
                .severity(Severity::Info)
                .key(port.key())
                .fix(format!(
                    "listen on {up} inside and publish `{host}:{up}{protocol}`"
                )),
            );
        }
    }
}
