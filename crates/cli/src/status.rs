//! `cofferdam status`: how the daemon and the data plane are.

use std::fmt::Write as _;

use cofferdam_api::{DockerState, ExportView, Status};

use crate::failure::Failure;
use crate::output::{BAD, Call, GOOD, ODD, styled, warning};
use crate::when;

#[cfg(test)]
mod tests;

/// Prints the status.
pub(crate) fn status(call: &Call) -> Result<u8, Failure> {
    let status = call.wait(call.client.status())?;
    call.print(&status, text)?;
    if !call.json {
        status.warnings.iter().for_each(|text| warning(text));
    }
    Ok(crate::OK)
}

fn text(status: &Status) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<13}{value}");
    };
    line("enforcement", enforcement(status));
    line("workloads", workloads(status));
    line("policies", policies(status));
    line("docker", docker(status));
    let adopted = if status.adopted {
        ", adopted the data plane of its predecessor"
    } else {
        ""
    };
    line(
        "daemon",
        format!(
            "{}, up {}{adopted}",
            status.daemon,
            when::rough(status.uptime_seconds)
        ),
    );
    if let Some(key) = &status.key {
        line("key", crate::key::line(key));
    }
    line("memory", mebibytes(status.rss_bytes));
    line("heartbeat", format!("{} ms ago", status.heartbeat_age_ms));
    line("ended", ended(status));
    line("records", records(status));
    for export in &status.exports {
        line("export", exported(export));
    }
    line("losses", losses(status));
    line("kernel", status.kernel.clone());
    line("cgroup root", status.cgroup_root.clone());
    line("pins", status.bpffs.clone());
    line("features", features(status));
    text
}

fn features(status: &Status) -> String {
    let absent: Vec<&str> = status
        .features
        .iter()
        .filter(|f| !f.present)
        .map(|f| f.name.as_str())
        .collect();
    let present = status.features.len() - absent.len();
    let without = if absent.is_empty() {
        String::new()
    } else {
        format!("; absent: {}", absent.join(", "))
    };
    format!("{present} of {}{without}", status.features.len())
}

fn enforcement(status: &Status) -> String {
    if status.off {
        return format!(
            "{}: every workload is open until `cofferdam on`",
            styled(BAD.bold(), "OFF")
        );
    }
    let mut text = format!(
        "{}, mode {}, default {}",
        styled(GOOD, "on"),
        status.mode,
        status.default_profile
    );
    if let Some(time) = status.rollback_at {
        let clock = when::clock(time, &when::now());
        let _ = write!(text, "; falls back at {clock} unless confirmed");
    }
    text
}

fn workloads(status: &Status) -> String {
    let counts = status.workloads;
    let mut text = format!(
        "{} ({} enforced, {} observed, {} unprotected)",
        counts.total,
        counts.enforced,
        counts.observed,
        counts.total.saturating_sub(counts.protected)
    );
    if counts.pending > 0 {
        let _ = write!(text, ", {} pending", counts.pending);
    }
    text
}

fn policies(status: &Status) -> String {
    let counts = &status.policies;
    let text = format!("{} of {}", counts.in_force, counts.folder);
    match counts.refused_files {
        0 => text,
        files => format!("{text}, {}", styled(BAD, format_args!("{files} files refused"))),
    }
}

fn docker(status: &Status) -> String {
    let docker = &status.docker;
    match docker.state {
        DockerState::Connected => {
            let engine = docker.engine.as_deref().unwrap_or("of unknown version");
            let api = docker
                .api
                .as_ref()
                .map(|api| format!(", API {api}"))
                .unwrap_or_default();
            format!("{engine}{api}")
        }
        DockerState::Absent => {
            let why = docker.error.as_deref().unwrap_or("no answer");
            format!("{}: {} ({why})", styled(ODD, "absent"), docker.socket)
        }
        DockerState::Disabled => "not asked (`--processes`)".to_owned(),
    }
}

fn ended(status: &Status) -> String {
    match status.flows_ended {
        0 => "none".to_owned(),
        count => format!("{count} established flows that a change denied"),
    }
}

fn records(status: &Status) -> String {
    let records = &status.records;
    if let Some(error) = &records.error {
        return format!("{}: {error}", styled(BAD, "not kept"));
    }
    let since = records
        .oldest
        .map(|time| format!(" since {}", when::clock(time, &when::now())))
        .unwrap_or_default();
    format!(
        "{}{since}, {} in {}",
        records.kept,
        mebibytes(records.bytes),
        records.file
    )
}

fn exported(export: &ExportView) -> String {
    let mut text = format!("{} to {}: {} sent", export.name, export.target, export.sent);
    if export.waiting > 0 {
        let _ = write!(text, ", {} waiting", export.waiting);
    }
    if export.dropped > 0 {
        let _ = write!(
            text,
            ", {}",
            styled(ODD, format_args!("{} dropped", export.dropped))
        );
    }
    match &export.error {
        Some(error) => format!("{text}; {}: {error}", styled(BAD, "fails")),
        None => text,
    }
}

fn losses(status: &Status) -> String {
    let losses = status.losses;
    if losses.none() {
        return "none".to_owned();
    }
    let text = format!(
        "{} flow records, {} not kept, {} full maps, {} kernel errors",
        losses.flows, losses.unkept, losses.map_full, losses.kernel_errors
    );
    styled(ODD, text)
}

fn mebibytes(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) >> 20;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}
