//! `ip6tables-off`: the engine may not write IPv6 firewall rules.

use crate::engine::Version;
use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

pub(super) const RULE: Rule = Rule {
    id: "ip6tables-off",
    title: "The engine may not write IPv6 firewall rules",
    severity: Severity::Medium,
    needs: Needs::Engine,
    what: "`\"ip6tables\": false`, or an engine before 27.0.0, where it was off unless asked for.",
    why: "Containers with IPv6 are reached on their own addresses, every port, published or not.",
    fix: "Remove the setting; on engines before 27 set it to true.",
    references: &[Reference::Docs("engine/daemon/ipv6/")],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    let Some(engine) = &estate.engine else { return };
    let ipv6 = estate
        .projects
        .iter()
        .flat_map(|project| &project.networks)
        .any(|network| network.ipv6);
    let old = engine.is_before(&Version(27, 0, 0)) == Some(true);
    let (at, why) = match &engine.ip6tables {
        Some(set) if !set.value => (&set.at, "ip6tables is false"),
        None if old && ipv6 => (&engine.at, "engines before 27 leave ip6tables off"),
        _ => return,
    };
    let severity = if ipv6 { Severity::High } else { Severity::Medium };
    out.push(
        Finding::new(
            at,
            format!("containers with IPv6 are reached on every port: {why}"),
        )
        .severity(severity)
        .fix("`\"ip6tables\": true`, or remove the setting on engine 27 and newer"),
    );
}
