//! `daemon-tcp`: the engine's API is on TCP and asks nobody who he is.

use crate::finding::{Finding, Severity};
use crate::host::Listener;
use crate::model::Estate;
use crate::position::Position;
use crate::rule::{Needs, Reference, Rule};

pub(super) const RULE: Rule = Rule {
    id: "daemon-tcp",
    title: "The engine's API is on TCP and asks nobody who he is",
    severity: Severity::Critical,
    needs: Needs::Engine,
    what: "`tcp://` in `hosts` without `tlsverify`, or a listener of dockerd on 2375.",
    why: "Everybody who reaches that port is root of this host.",
    fix: "Remove it and use `ssh://` contexts, or set `tlsverify` with a CA of your own.",
    references: &[
        Reference::Cis("2.7", "2.7"),
        Reference::DockerBench("check_2_7"),
        Reference::Docs("engine/daemon/remote-access/"),
    ],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    if let Some(engine) = &estate.engine {
        for host in engine.open_hosts() {
            let local = host.value.contains("127.0.0.1")
                || host.value.contains("localhost")
                || host.value.contains("[::1]");
            let severity = if local { Severity::High } else { Severity::Critical };
            let who = if local {
                "every process and host-mode container of this host"
            } else {
                "whoever reaches it"
            };
            out.push(
                Finding::new(
                    &host.at,
                    format!(
                        "the engine answers on {} without asking: {who} is root",
                        host.value
                    ),
                )
                .severity(severity)
                .key(host.value.clone())
                .fix("remove it from `hosts`; remote clients use `ssh://`"),
            );
        }
    }
    let Some(host) = &estate.host else { return };
    let dockerd = |listener: &&Listener| {
        let command = listener.owner.as_ref().map(|owner| owner.command.as_str());
        listener.port == 2375 && command.is_none_or(|command| command == "dockerd")
    };
    for listener in host.listeners.iter().filter(dockerd) {
        let severity = if listener.address.is_loopback() {
            Severity::High
        } else {
            Severity::Critical
        };
        out.push(
            Finding::new(
                &Position::start("host:listeners"),
                format!("{} is the engine's API in clear", listener.shown()),
            )
            .severity(severity)
            .key(listener.shown())
            .fix("start dockerd without `-H tcp://`"),
        );
    }
}
