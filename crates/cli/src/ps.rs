//! `cofferdam ps`: the table of workloads.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use anstyle::Style;
use cofferdam_api::{ListeningPort, Mode, WorkloadView, Workloads};

use crate::args::{Format, PsArgs};
use crate::failure::Failure;
use crate::output::{self, Call, FAINT, GOOD, ODD, labels, table};

#[cfg(test)]
mod tests;

/// Prints the workloads, and to stderr what the user should know about them.
pub(crate) fn ps(call: &Call, args: &PsArgs) -> Result<u8, Failure> {
    let answer = call.wait(call.client.workloads())?;
    let wide = args.output == Some(Format::Wide);
    call.print(&answer, |answer| text(answer, wide))?;
    if !call.json {
        for workload in &answer.workloads {
            for warning in &workload.warnings {
                output::warning(&format!("{}: {warning}", workload.name));
            }
            for note in &workload.notes {
                output::note(&format!("{}: {note}", workload.name));
            }
        }
    }
    Ok(crate::OK)
}

fn text(answer: &Workloads, wide: bool) -> String {
    if answer.workloads.is_empty() {
        return "no workloads\n".to_owned();
    }
    let rows = answer.workloads.iter();
    if wide {
        let header = [
            "NAME",
            "KIND",
            "ID",
            "NAMESPACE",
            "NETWORK",
            "LABELS",
            "IDENTITY",
            "PROTECTED",
            "PID",
            "OPENINGS",
            "CONTAINMENT",
            "OPEN TO IT",
            "LISTENING",
        ];
        table(
            &header.map(|name| (name, 0)),
            rows.map(|w| (style(w), wide_cells(w))).collect(),
            true,
        )
    } else {
        let header = [
            ("NAME", 20),
            ("NETWORK", 9),
            ("LABELS", 0),
            ("IDENTITY", 8),
            ("PROTECTED", 9),
            ("LISTENING", 13),
        ];
        table(&header, rows.map(|w| (style(w), cells(w))).collect(), false)
    }
}

fn style(workload: &WorkloadView) -> Style {
    match (workload.protected, workload.mode) {
        (true, Some(Mode::Observe)) => ODD,
        (true, _) => GOOD,
        (false, _) => FAINT,
    }
}

fn cells(workload: &WorkloadView) -> Vec<String> {
    // The labels that say who it is; the rest is other tools'.
    let shown = if workload.identity_labels.is_empty() {
        &workload.labels
    } else {
        &workload.identity_labels
    };
    vec![
        workload.name.clone(),
        workload.network_mode.clone(),
        labels(shown),
        identity(workload),
        protected(workload).to_owned(),
        listening(&workload.listening, false),
    ]
}

fn wide_cells(workload: &WorkloadView) -> Vec<String> {
    let openings = if workload.openings.is_empty() {
        "-".to_owned()
    } else {
        workload.openings.join(", ")
    };
    let none = || "-".to_owned();
    let contained = workload.containment.as_ref();
    vec![
        workload.name.clone(),
        workload.kind.as_str().to_owned(),
        short_id(&workload.id).to_owned(),
        workload.namespace.clone(),
        workload.network_mode.clone(),
        labels(&workload.labels),
        identity(workload),
        protected(workload).to_owned(),
        workload.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
        openings,
        contained.map_or_else(none, |one| one.text.clone()),
        contained
            .filter(|one| !one.open.is_empty())
            .map_or_else(none, |one| one.open.join(",")),
        listening(&workload.listening, true),
    ]
}

fn identity(workload: &WorkloadView) -> String {
    workload
        .identity
        .map_or_else(|| "-".to_owned(), |number| number.to_string())
}

fn protected(workload: &WorkloadView) -> &'static str {
    match (workload.protected, workload.mode) {
        (false, _) => "no",
        (true, Some(Mode::Observe)) => "observe",
        (true, _) => "enforce",
    }
}

/// The first twelve digits of a container's id, as Docker prints it.
fn short_id(id: &str) -> &str {
    if id.len() == 64 {
        id.get(..12).unwrap_or(id)
    } else {
        id
    }
}

/// `80,443,53/udp`, a moved one as `80=8080`; with addresses where `wide`.
fn listening(ports: &[ListeningPort], wide: bool) -> String {
    let text = |port: &ListeningPort| {
        let suffix = if port.protocol == "tcp" {
            String::new()
        } else {
            format!("/{}", port.protocol)
        };
        let at = SocketAddr::new(port.address, port.port);
        match port.really {
            Some(really) if wide && really.port() == port.port => format!("{at}{suffix} (private)"),
            Some(really) if wide => format!("{at}{suffix} (really {})", really.port()),
            Some(really) if really.port() != port.port => format!("{}={}{suffix}", port.port, really.port()),
            None if wide => format!("{at}{suffix}"),
            _ => format!("{}{suffix}", port.port),
        }
    };
    let mut seen = BTreeSet::new();
    let mut sorted: Vec<&ListeningPort> = ports.iter().collect();
    sorted.sort_by_key(|port| (port.protocol.clone(), port.port, port.address));
    let texts: Vec<String> = sorted
        .into_iter()
        .map(text)
        .filter(|text| seen.insert(text.clone()))
        .collect();
    if texts.is_empty() {
        "-".to_owned()
    } else {
        texts.join(",")
    }
}
