//! `cofferdam learn --compose`: what was learnt as labels, in an override for each compose project.

use std::collections::BTreeMap;

use cofferdam_learn::identity::file_name;
use cofferdam_learn::openings::{PROFILE, override_of};
use cofferdam_learn::{Learned, Policy, Workload};
use cofferdam_policy::{Direction, openings};
use serde::Serialize;

use super::labels::{PROJECT, SERVICE};
use super::observed::Observed;
use super::write;
use crate::args::LearnArgs;
use crate::audit::engine;
use crate::failure::Failure;
use crate::output::{Call, GOOD, note, styled, warning};

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    version: u32,
    overrides: Vec<Override>,
}

#[derive(Serialize)]
struct Override {
    project: String,
    file: String,
    services: Vec<String>,
    /// Openings that no label can say: they are denied.
    unsaid: Vec<String>,
    text: String,
}

pub(super) fn compose(
    call: &Call,
    args: &LearnArgs,
    seen: &Observed,
    learned: &Learned,
) -> Result<u8, Failure> {
    let services = services(args)?;
    let projects = by_project(seen, learned, &services);
    if projects.is_empty() {
        return Err(Failure::new("no flow of a compose project's service was seen")
            .hint("without `--compose` the same is written as policy documents"));
    }
    let report = Report {
        version: cofferdam_api::VERSION,
        overrides: projects
            .iter()
            .map(|(project, services)| entry(project, services))
            .collect(),
    };
    if let Some(folder) = &args.output {
        let files = report
            .overrides
            .iter()
            .map(|one| (one.file.as_str(), one.text.as_str()));
        write(folder, files)?;
    }
    call.print(&report, |report| text(report, args))?;
    for one in &report.overrides {
        for what in &one.unsaid {
            warning(&format!(
                "{}: no label can say what was seen, so it is denied: {what}",
                one.project
            ));
        }
    }
    if !call.json {
        note("`docker compose -f compose.yaml -f FILE up -d` makes the services anew with these labels");
    }
    Ok(crate::OK)
}

/// Project → service → what was learnt of it.
fn by_project<'a>(
    seen: &'a Observed,
    learned: &'a Learned,
    services: &'a BTreeMap<String, (String, String)>,
) -> BTreeMap<&'a str, BTreeMap<&'a str, &'a Policy>> {
    let mut projects: BTreeMap<&str, BTreeMap<&str, &Policy>> = BTreeMap::new();
    for policy in &learned.policies {
        for workload in seen
            .there()
            .iter()
            .filter(|one| policy.workloads.contains(&one.name))
        {
            let known = services.get(&workload.name);
            let known = known.map(|(project, service)| (project.as_str(), service.as_str()));
            if let Some((project, service)) = known.or_else(|| by_name(workload)) {
                let other = projects.entry(project).or_default().insert(service, policy);
                if let Some(other) = other.filter(|other| other.full_name() != policy.full_name()) {
                    warning(&format!(
                        "{project}: containers of {service} have different labels; only what {} was seen to do is opened, not {}",
                        policy.full_name(),
                        other.full_name()
                    ));
                }
            } else {
                note(&format!(
                    "{} is of no compose project: {}",
                    workload.name,
                    given(policy)
                ));
            }
        }
    }
    projects
}

/// Of the engine's containers: the name → project and service.
fn services(args: &LearnArgs) -> Result<BTreeMap<String, (String, String)>, Failure> {
    if args.flows.is_some() && args.engine.is_none() {
        return Ok(BTreeMap::new());
    }
    let answer = engine::ask(args.engine.as_deref())?;
    let services = answer.into_iter().flat_map(|answer| answer.project.services);
    let of_compose = services.filter_map(|one| {
        let label = |key: &str| one.label(key).map(str::to_owned);
        Some((one.name.clone(), (label(PROJECT)?, label(SERVICE)?)))
    });
    Ok(of_compose.collect())
}

/// `shop-web-1` of the project `shop`, as compose names what no file gives a name.
fn by_name(workload: &Workload) -> Option<(&str, &str)> {
    let rest = workload
        .name
        .strip_prefix(&workload.namespace)?
        .strip_prefix(['-', '_'])?;
    let (service, number) = rest.rsplit_once(['-', '_'])?;
    number
        .parse::<u32>()
        .is_ok()
        .then_some((&workload.namespace, service))
}

fn entry(project: &str, services: &BTreeMap<&str, &Policy>) -> Override {
    let unsaid = services.iter().flat_map(|(name, policy)| {
        let both = [Direction::Ingress, Direction::Egress].map(|direction| policy.openings(direction).unsaid);
        both.concat()
            .into_iter()
            .map(move |what| format!("{name}, {what}"))
    });
    Override {
        project: project.to_owned(),
        file: file_name(project, "openings"),
        services: services.keys().map(|name| (*name).to_owned()).collect(),
        unsaid: unsaid.collect(),
        text: override_of(project, services),
    }
}

/// The same for `docker run`.
fn given(policy: &Policy) -> String {
    let mut text = format!("--label {}={}", PROFILE.0, PROFILE.1);
    for direction in [Direction::Ingress, Direction::Egress] {
        let value = policy.openings(direction).value();
        if !value.is_empty() {
            text.push_str(&format!(" --label '{}={value}'", openings::label(direction)));
        }
    }
    text
}

fn text(report: &Report, args: &LearnArgs) -> String {
    let texts = report.overrides.iter().map(|one| match &args.output {
        None => one.text.clone(),
        Some(folder) => {
            let path = folder.join(&one.file);
            let services = one.services.join(", ");
            format!("{} {}: {services}\n", styled(GOOD, "wrote"), path.display())
        }
    });
    let between = if args.output.is_some() { "" } else { "---\n" };
    texts.collect::<Vec<String>>().join(between)
}
