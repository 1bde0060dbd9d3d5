//! Policies and workloads from files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use cofferdam_api::{WorkloadView, Workloads as Listing};
use cofferdam_audit::compose;
use cofferdam_audit::model;
use cofferdam_policy::trial::{self, Stage, Workload, Workloads, parse_workloads};
use cofferdam_policy::{Diagnostic, Document, NamedPort, Protocol, documents, openings};
use walkdir::WalkDir;

use crate::args::WorldArgs;
use crate::failure::Failure;

/// Nobody writes a longer policy.
const LONGEST: u64 = 16 << 20;

/// What was found in policy files.
#[derive(Default)]
pub(super) struct Policies {
    pub(super) files: Vec<String>,
    pub(super) documents: Vec<Arc<Document>>,
    pub(super) mistakes: Vec<Diagnostic>,
}

/// Reads every policy file of `paths`; a folder's files in the order of their names.
pub(super) fn policies(paths: &[PathBuf]) -> Result<Policies, Failure> {
    let mut found = Policies::default();
    for path in paths {
        for file in files(path)? {
            let name = shown(&file);
            match documents::parse(&name, &read(&file)?) {
                Ok(documents) => found.documents.extend(documents),
                Err(mistakes) => found.mistakes.extend(mistakes),
            }
            found.files.push(name);
        }
    }
    found.mistakes.extend(documents::twice(&found.documents));
    Ok(found)
}

/// The documents of `paths` that have not ended; fails on the first mistake.
pub(super) fn valid(paths: &[PathBuf]) -> Result<Vec<Arc<Document>>, Failure> {
    let mut found = policies(paths)?;
    if let Some(first) = found.mistakes.first() {
        let more = found.mistakes.len() - 1;
        let place = format!("{}:{}:{}", first.file, first.line, first.column);
        let rest = if more == 0 {
            String::new()
        } else {
            format!(" (and {more} more)")
        };
        return Err(
            Failure::new(format!("{place}: {}{rest}", first.what)).hint(format!(
                "{}; `cofferdam policy check` shows the lines",
                first.hint
            )),
        );
    }
    let now = now();
    found.documents.retain(|document| !document.has_ended(now));
    Ok(found.documents)
}

pub(super) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// A stage of the given workloads under the given policies.
pub(super) fn stage(args: &WorldArgs, documents: Vec<Arc<Document>>) -> Result<Stage, Failure> {
    Ok(Stage::new(
        &workloads(&args.workloads)?,
        documents,
        args.profile.into(),
    ))
}

/// Everybody in the given files.
pub(super) fn workloads(paths: &[PathBuf]) -> Result<Workloads, Failure> {
    let mut all = Workloads::default();
    for path in paths {
        let bytes = read(path)?;
        let text = String::from_utf8_lossy(&bytes);
        let listing = serde_json::from_str::<Listing>(&text);
        let is_compose = compose::looks_like_compose(&text);
        let found = if let Ok(listing) = listing {
            Workloads {
                list: listing.workloads.iter().map(listed).collect(),
                ..Workloads::default()
            }
        } else if is_compose {
            composed(&shown(path), bytes)
        } else {
            parse_workloads(&shown(path), &bytes).map_err(|found| {
                let text = found.first().map_or_else(String::new, ToString::to_string);
                Failure::new(format!("{text}\n")).hint("docs/policies.md describes workloads files")
            })?
        };
        all.list.extend(found.list);
        all.namespaces.extend(found.namespaces);
    }
    Ok(all)
}

pub(super) fn listed(view: &WorkloadView) -> Workload {
    Workload {
        name: view.name.clone(),
        namespace: view.namespace.clone(),
        labels: view.labels.clone(),
        ports: view.ports.iter().filter_map(named_port).collect(),
        profile: view.profile.map(Into::into),
        ..Workload::default()
    }
}

fn named_port((name, text): (&String, &String)) -> Option<NamedPort> {
    let (protocol, port) = trial::port(text)?;
    Some(NamedPort {
        name: name.clone(),
        protocol,
        port,
    })
}

/// The services of a compose file; their project is their namespace.
fn composed(name: &str, bytes: Vec<u8>) -> Workloads {
    let files = compose::Given([(name.to_owned(), bytes)].into());
    let project = compose::read(&files, &[name.to_owned()]).project;
    let list = project.services.iter().map(|service| {
        let labels = service
            .labels
            .iter()
            .map(|(key, value)| (key.value.clone(), value.clone()));
        let published = service.ports.iter().flat_map(|port| {
            let host = port.published.map_or(0, |ports| ports.first);
            openings::published(protocol(port.protocol), port.host_ip, host, port.target.first)
        });
        Workload {
            name: service.name.clone(),
            namespace: project.name.clone(),
            labels: labels.collect(),
            ports: named_ports(service),
            openings: published.collect(),
            ..Workload::default()
        }
    });
    Workloads {
        list: list.collect(),
        ..Workloads::default()
    }
}

/// Compose names no ports; a port is also known by its number as a name: `port-80`.
fn named_ports(service: &model::Service) -> Vec<NamedPort> {
    let published = service
        .ports
        .iter()
        .map(|port| (port.target.first, protocol(port.protocol)));
    published
        .map(|(port, protocol)| NamedPort {
            name: format!("port-{port}"),
            protocol,
            port,
        })
        .collect()
}

fn protocol(protocol: model::Protocol) -> Protocol {
    match protocol {
        model::Protocol::Tcp => Protocol::TCP,
        model::Protocol::Udp => Protocol::UDP,
        model::Protocol::Sctp => Protocol::SCTP,
    }
}

/// Every policy file of `paths`.
pub(super) fn all_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let found: Result<Vec<_>, _> = paths.iter().map(|path| files(path)).collect();
    Ok(found?.concat())
}

fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in WalkDir::new(path).sort_by_file_name() {
        let entry =
            entry.map_err(|error| Failure::new(format!("cannot read below {}: {error}", path.display())))?;
        let end = entry.path().extension().and_then(|end| end.to_str());
        if entry.file_type().is_file() && matches!(end, Some("yaml" | "yml" | "json")) {
            found.push(entry.into_path());
        }
    }
    Ok(found)
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let cannot = |error: std::io::Error| Failure::new(format!("cannot read {}: {error}", path.display()));
    let length = fs::metadata(path).map_err(cannot)?.len();
    if length > LONGEST {
        return Err(Failure::new(format!(
            "{} is longer than {LONGEST} bytes",
            path.display()
        )));
    }
    fs::read(path).map_err(cannot)
}

pub(super) fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.strip_prefix("./").unwrap_or(&text).to_owned()
}
