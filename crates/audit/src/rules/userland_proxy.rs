//! `userland-proxy`: the engine runs a proxy for published ports.

use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

pub(super) const RULE: Rule = Rule {
    id: "userland-proxy",
    title: "The engine runs a proxy for published ports",
    severity: Severity::Info,
    needs: Needs::Engine,
    what: "`userland-proxy` is not false.",
    why: "What comes through the proxy has the gateway as its sender, so that logs and rules by address \
         are wrong; each port costs a process.",
    fix: "`\"userland-proxy\": false` in daemon.json, where nothing on this host reaches published ports \
         through [::1].",
    references: &[
        Reference::Cis("2.16", "2.16"),
        Reference::DockerBench("check_2_16"),
    ],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    let Some(engine) = &estate.engine else { return };
    let setting = engine.userland_proxy.as_ref();
    if setting.is_some_and(|proxy| !proxy.value) || engine.podman {
        return;
    }
    let at = setting.map_or(&engine.at, |proxy| &proxy.at);
    out.push(
        Finding::new(
            at,
            "published ports are proxied: their clients show up as the gateway",
        )
        .severity(Severity::Info)
        .fix("`\"userland-proxy\": false` in daemon.json"),
    );
}
