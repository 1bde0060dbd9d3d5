//! `abstract-socket-reach`: a container in host mode reaches abstract unix sockets.

use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Rule};

use super::{contained, facts};

pub(super) const RULE: Rule = Rule {
    id: "abstract-socket-reach",
    title: "A container in host mode reaches abstract unix sockets",
    severity: Severity::Medium,
    needs: Needs::Host,
    what: "Host-mode containers beside abstract unix sockets that listen in the host's network.",
    why: "Abstract sockets have no file and so no permissions; their only border is the network \
         namespace, which host mode removes. containerd's shims, X11, D-Bus and agents have been taken \
         over this way.",
    fix: "A network of its own for the container. Or an identity label: Cofferdam refuses abstract sockets of \
         others to what it protects (Linux 6.7), but for those that `cofferdam.allow` declares.",
    references: &[],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    let Some(host) = &estate.host else { return };
    for place in estate.in_host_mode() {
        let others: Vec<String> = host
            .abstract_sockets
            .iter()
            .filter(|socket| {
                let owner = socket.owner.as_ref().and_then(|owner| owner.container.as_deref());
                owner.is_none() || owner != place.service.id.as_deref()
            })
            .map(|socket| match &socket.owner {
                Some(owner) => format!("{} ({})", socket.name, owner.command),
                None => socket.name.clone(),
            })
            .collect();
        if !others.is_empty() {
            let stopped = contained::is_protected(place.service);
            let (severity, fact) = match (stopped, contained::allows(place.service, "abstract")) {
                (false, _) => (Severity::Medium, ""),
                (true, false) => (Severity::Info, "; Cofferdam refuses that, from Linux 6.7 on"),
                (true, true) => (
                    Severity::Low,
                    "; Cofferdam refuses what `cofferdam.allow` does not declare, from Linux 6.7 on",
                ),
            };
            out.push(
                Finding::of(
                    place,
                    &place.service.mode_at(),
                    format!(
                        "reaches {}: {}{fact}",
                        facts::count(others.len(), "abstract socket"),
                        facts::list(&others)
                    ),
                )
                .severity(severity)
                .fix("a network of its own, or a label that says who it is: no permission guards these sockets"),
            );
        }
    }
}
