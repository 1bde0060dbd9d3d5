//! `undeclared-listener`: a host-mode container listens where nobody said so.

use crate::finding::{Finding, Severity};
use crate::host::Listener;
use crate::model::{Estate, Origin, Protocol, Service};
use crate::rule::{Needs, Rule};

use super::contained;

pub(super) const RULE: Rule = Rule {
    id: "undeclared-listener",
    title: "A host-mode container listens where nobody said so",
    severity: Severity::Medium,
    needs: Needs::Behaviour,
    what: "Listeners of a host-mode container on ports that neither `ports`, `expose` nor its image \
         declares.",
    why: "In host mode what a program binds is open, and no file says what that is. Debugging and \
         metrics ports are found this way.",
    fix: "Declare the port (`expose:`), or bind it to 127.0.0.1, or close it. With `cofferdam.bind` or \
         `cofferdam.contain: strict` Cofferdam refuses a protected service what is not declared.",
    references: &[],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    let Some(host) = &estate.host else { return };
    for place in estate
        .in_host_mode()
        .filter(|place| place.service.origin == Origin::Inspect)
    {
        let declared = |port| is_declared(place.service, port);
        let mut hidden: Vec<&Listener> = host
            .listeners
            .iter()
            .filter(|listener| listener.is_of(place.service.id.as_deref()) && !declared(listener.port))
            .filter(|listener| !contained::is_somebodys_own(listener.address))
            // Ports of the kernel's own choice are clients' more often than not.
            .filter(|listener| listener.protocol == Protocol::Tcp || listener.port < 32768)
            .collect();
        hidden.dedup_by_key(|listener| (listener.protocol, listener.port));
        let fact = match contained::limits_ports(place.service) {
            true => "; it did so before its labels held: Cofferdam refuses that",
            false => "",
        };
        for listener in hidden {
            let severity = if listener.address.is_loopback() {
                Severity::Info
            } else {
                Severity::Medium
            };
            out.push(
                Finding::of(
                    place,
                    &place.service.mode_at(),
                    format!("listens on {}, which nothing declares{fact}", listener.shown()),
                )
                .severity(severity)
                .key(format!("{}/{}", listener.port, listener.protocol))
                .fix(format!(
                    "`expose: [\"{}\"]` if it is wanted, else close it",
                    listener.port
                )),
            );
        }
    }
}

fn is_declared(service: &Service, port: u16) -> bool {
    let exposed = service.expose.iter().any(|expose| expose.value.contains(port));
    let published = || service.ports.iter().any(|ports| ports.target.contains(port));
    exposed || published() || contained::declares(service, port)
}
