//! Who may claim which labels. Root may claim any; everyone else needs a rule that covers every label.

use cofferdam_api::{Code, Problem, RunRequest};
use cofferdam_policy::containment::{self, Level, Loopback};

use crate::command::Caller;
use crate::config::{Allow, Config};

#[cfg(test)]
mod tests;

/// Whether the caller may change how workloads are protected.
pub(crate) fn may_change(caller: &Caller) -> Result<(), Problem> {
    if caller.uid == 0 {
        return Ok(());
    }
    Err(Problem::new(Code::Forbidden, "only root may change what is enforced").hint("run it with sudo"))
}

/// Whether the caller may start something with these labels in that namespace.
pub(crate) fn may_run(config: &Config, caller: &Caller, request: &RunRequest) -> Result<(), Problem> {
    if caller.uid == 0 {
        return Ok(());
    }
    let namespace = request.namespace.as_deref().unwrap_or("default");
    let mine: Vec<_> = config
        .allow
        .iter()
        .filter(|allow| is_for(allow, caller))
        .collect();
    if mine.is_empty() {
        let who = caller.user.clone().unwrap_or_else(|| caller.uid.to_string());
        return Err(
            Problem::new(Code::Forbidden, format!("user {who} may not use `cofferdam run`"))
                .hint("run it with sudo, or let root add an [[allow]] to the configuration"),
        );
    }
    // Without labels it would be a stranger in a cgroup of ours: nothing that a rule could allow.
    let claimed = || {
        request
            .labels
            .iter()
            .filter(|(key, value)| !only_narrows(key, value))
    };
    if claimed().next().is_none() {
        return Err(Problem::new(
            Code::Forbidden,
            "only root may run something without a label",
        ));
    }
    let covered = |key: &str, value: &str| {
        mine.iter().any(|allow| {
            allow.namespaces.iter().any(|name| name == namespace)
                && allow.labels.iter().any(|pattern| matches(pattern, key, value))
        })
    };
    match claimed().find(|(key, value)| !covered(key, value)) {
        None => Ok(()),
        Some((key, value)) => Err(Problem::new(
            Code::Forbidden,
            format!("you may not claim the label {key}={value} in namespace {namespace}"),
        )
        .hint("an [[allow]] of the configuration has to name it")),
    }
}

/// Whoever says this gives something up, and claims nothing.
fn only_narrows(key: &str, value: &str) -> bool {
    match key {
        containment::CONTAIN => value == Level::Strict.name(),
        containment::LOOPBACK => value == Loopback::Private.to_string(),
        containment::INTERFACES => true,
        _ => false,
    }
}

fn is_for(allow: &Allow, caller: &Caller) -> bool {
    let user = allow
        .user
        .as_ref()
        .is_some_and(|name| caller.user.as_ref() == Some(name));
    user || allow
        .group
        .as_ref()
        .is_some_and(|name| caller.groups.contains(name))
}

fn matches(pattern: &str, key: &str, value: &str) -> bool {
    pattern
        .split_once('=')
        .is_some_and(|(k, v)| k == key && (v == "*" || v == value))
}
