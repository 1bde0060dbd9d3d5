//! What a running daemon says about itself.

use cofferdam_api::{ClientError, DockerState, ExportView, Status};

use cofferdam_policy::containment::Hooks;

use super::Check;
use crate::version::OWN;

/// A daemon that has not touched the data plane for so long hangs.
const HEARTBEAT_LIMIT_MS: u64 = 5_000;

/// The checks; a daemon that is absent is worth a warning, one that cannot be used a failure.
pub(super) fn checks(answer: Result<Status, ClientError>) -> Vec<Check> {
    match answer {
        Ok(status) => {
            let mut checks = vec![
                daemon(&status),
                enforcement(&status),
                policies(&status),
                engine(&status),
                losses(&status),
            ];
            checks.extend(status.exports.iter().map(export));
            checks.extend(features(&status));
            checks
        }
        Err(error) => {
            let hint = error.hint().unwrap_or_default();
            let judge = if matches!(error, ClientError::Absent(_) | ClientError::Denied(_)) {
                Check::warn
            } else {
                Check::fail
            };
            vec![judge("daemon", error.to_string(), hint)]
        }
    }
}

fn daemon(status: &Status) -> Check {
    let age = status.heartbeat_age_ms;
    if age > HEARTBEAT_LIMIT_MS {
        return Check::fail(
            "daemon",
            format!("no heartbeat for {age} ms"),
            "look at `journalctl -u cofferdam`",
        );
    }
    if status.daemon != OWN {
        let observed = format!("version {}, this command is {OWN}", status.daemon);
        return Check::warn(
            "daemon",
            observed,
            "restart the daemon; enforcement goes on meanwhile",
        );
    }
    Check::ok("daemon", &status.daemon)
}

fn enforcement(status: &Status) -> Check {
    if status.off {
        return Check::warn("enforcement", "OFF: every workload is open", "`cofferdam on`");
    }
    Check::ok(
        "enforcement",
        format!("on, mode {}, default {}", status.mode, status.default_profile),
    )
}

fn policies(status: &Status) -> Check {
    let counts = &status.policies;
    let folder = &counts.folder;
    match counts.refused_files {
        0 => Check::ok(
            "policies",
            format!("{} of {folder} are in force", counts.in_force),
        ),
        files => Check::fail(
            "policies",
            format!("{files} files of {folder} are refused; what they said before is in force"),
            format!("`cofferdam policy check {folder}`"),
        ),
    }
}

fn engine(status: &Status) -> Check {
    let docker = &status.docker;
    match docker.state {
        DockerState::Connected => Check::ok("engine", docker.engine.clone().unwrap_or_default()),
        DockerState::Disabled => Check::ok("engine", "not asked"),
        DockerState::Absent => {
            let why = docker.error.clone().unwrap_or_else(|| "no answer".to_owned());
            Check::warn("engine", why, "the daemon keeps trying; is dockerd running?")
        }
    }
}

fn losses(status: &Status) -> Check {
    let losses = status.losses;
    if losses.none() {
        return Check::ok("losses", "none");
    }
    let observed = format!(
        "{} flow records, {} full maps, {} kernel errors",
        losses.flows, losses.map_full, losses.kernel_errors
    );
    Check::warn(
        "losses",
        observed,
        "verdicts are not affected by lost records; full maps refuse what is new",
    )
}

fn export(export: &ExportView) -> Check {
    let observed = format!("{} to {}: {} dropped", export.name, export.target, export.dropped);
    match &export.error {
        None => Check::ok("export", observed),
        Some(error) => Check::warn(
            "export",
            format!("{observed}; {error}"),
            "it is tried again; nothing that is enforced waits for it",
        ),
    }
}

/// What the daemon found.
pub(super) fn hooks(status: &Status) -> Hooks {
    let features = status.features.iter();
    Hooks::of_features(features.map(|feature| (feature.name.as_str(), feature.present)))
}

fn features(status: &Status) -> impl Iterator<Item = Check> {
    status.features.iter().map(|feature| {
        if feature.present {
            Check::ok("feature", &feature.name)
        } else {
            let observed = format!("{} is absent", feature.name);
            let hint = match feature.name.as_str() {
                "lsm" | "abstract-sockets" => "the table below says what this kernel leaves open",
                _ => "`docs/known-limits.md` says what this kernel leaves open",
            };
            Check::warn("feature", observed, hint)
        }
    })
}
