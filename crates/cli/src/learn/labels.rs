//! `cofferdam learn --labels`: compose files, or what an engine runs, to overrides that say who each service is.

use std::collections::BTreeMap;

use cofferdam_api::{FlowEnd, FlowView};
use cofferdam_audit::model::{Project, Service};
use cofferdam_learn::identity::{Calls, Proposal, Services, propose};
use serde::Serialize;

use super::{observed, write};
use crate::args::LearnArgs;
use crate::audit::{engine, files};
use crate::failure::Failure;
use crate::output::{Call, GOOD, note, styled};

pub(super) const PROJECT: &str = "com.docker.compose.project";
pub(super) const SERVICE: &str = "com.docker.compose.service";

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    version: u32,
    overrides: Vec<Override>,
    /// Containers of no compose project: the command that names each.
    commands: Vec<String>,
}

#[derive(Serialize)]
struct Override {
    project: String,
    /// The compose file that it is for, where one was given.
    compose: Option<String>,
    file: String,
    services: Vec<Proposed>,
    text: String,
}

#[derive(Serialize)]
struct Proposed {
    name: String,
    labels: BTreeMap<String, String>,
}

/// A project and the file it is from.
struct Stack<'a> {
    name: String,
    file: Option<String>,
    services: Services<'a>,
}

pub(super) fn labels(call: &Call, args: &LearnArgs) -> Result<u8, Failure> {
    let flows = observed::flows_or_none(call, args)?;
    let projects = projects(args)?;
    let (stacks, alone) = if args.compose.is_empty() {
        running(&projects)
    } else {
        (projects.iter().map(written).collect(), Vec::new())
    };
    let mut overrides = Vec::new();
    for stack in &stacks {
        let proposal = propose(&stack.name, &stack.services, &calls(stack, &flows));
        for (name, why) in &proposal.left {
            note(&format!("{}/{name}: nothing is proposed: {why}", stack.name));
        }
        if !proposal.services.is_empty() {
            overrides.push(entry(&proposal, stack));
        }
    }
    let commands = alone.iter().filter_map(|service| command(service)).collect();
    let report = Report {
        version: cofferdam_api::VERSION,
        overrides,
        commands,
    };
    if report.overrides.is_empty() && report.commands.is_empty() {
        return nothing(
            args,
            stacks.iter().any(|stack| !stack.services.is_empty()) || !alone.is_empty(),
        );
    }
    if let Some(folder) = &args.output {
        let files = report
            .overrides
            .iter()
            .map(|one| (one.file.as_str(), one.text.as_str()));
        write(folder, files)?;
    }
    call.print(&report, |report| text(report, args))?;
    if !call.json {
        tell(&report, args);
    }
    Ok(crate::OK)
}

fn projects(args: &LearnArgs) -> Result<Vec<Project>, Failure> {
    if args.compose.is_empty() {
        let answer = engine::ask(args.engine.as_deref())?.ok_or_else(|| {
            Failure::new("no engine answers, and no compose file is given")
                .hint("`cofferdam learn --labels compose.yaml`, or name the engine's socket with `--engine`")
        })?;
        return Ok(vec![answer.project]);
    }
    let found = files::find(&args.compose)?;
    Ok(files::read_all(&found.projects)
        .into_iter()
        .map(|read| read.project)
        .collect())
}

fn nothing(args: &LearnArgs, somebody_is_there: bool) -> Result<u8, Failure> {
    if somebody_is_there {
        note("every service says who it is already");
        return Ok(crate::OK);
    }
    let (what, hint) = if args.compose.is_empty() {
        (
            "the engine runs no container",
            "start the application, or give its compose file",
        )
    } else {
        (
            "no service is in what was given",
            "give a compose file, or a folder that holds one",
        )
    };
    Err(Failure::new(what).hint(hint))
}

/// The services of a file.
fn written(project: &Project) -> Stack<'_> {
    Stack {
        name: project.name.clone(),
        file: Some(project.file.to_string()),
        services: project
            .services
            .iter()
            .map(|one| (one.name.clone(), one))
            .collect(),
    }
}

/// What runs, by compose project; and whoever belongs to none.
fn running(projects: &[Project]) -> (Vec<Stack<'_>>, Vec<&Service>) {
    let mut stacks: BTreeMap<&str, Services<'_>> = BTreeMap::new();
    let mut alone = Vec::new();
    for service in projects.iter().flat_map(|project| &project.services) {
        match (service.label(PROJECT), service.label(SERVICE)) {
            (Some(project), Some(name)) => {
                stacks
                    .entry(project)
                    .or_default()
                    .insert(name.to_owned(), service);
            }
            _ => alone.push(service),
        }
    }
    let stacks = stacks.into_iter().map(|(name, services)| Stack {
        name: name.to_owned(),
        file: None,
        services,
    });
    (stacks.collect(), alone)
}

/// Who was seen to call whom.
fn calls(stack: &Stack<'_>, flows: &[FlowView]) -> Calls {
    let service = |end: &FlowEnd| {
        let name = end.name.as_deref()?;
        let is_it = |(service, known): &(&String, &&Service)| {
            let given = known.container_name.as_deref().unwrap_or(known.name.as_str());
            let rest = name
                .strip_prefix(stack.name.as_str())
                .and_then(|rest| rest.strip_prefix(['-', '_']));
            let copy = rest.and_then(|rest| rest.strip_prefix(service.as_str()));
            let is_number = |text: &str| {
                text.strip_prefix(['-', '_'])
                    .is_some_and(|number| number.parse::<u32>().is_ok())
            };
            name == given || copy.is_some_and(is_number)
        };
        stack
            .services
            .iter()
            .find(is_it)
            .map(|(service, _)| service.clone())
    };
    flows
        .iter()
        .filter_map(|flow| Some((service(&flow.from)?, service(&flow.to)?)))
        .collect()
}

/// For a container that no compose file describes.
fn command(service: &Service) -> Option<String> {
    let proposal = propose("", &[(service.name.clone(), service)].into(), &Calls::new());
    let proposed = proposal.services.first()?;
    let labels = proposed
        .labels
        .iter()
        .map(|(key, value, _)| format!(" --label {key}={value}"));
    Some(format!(
        "cofferdam protect {}{}",
        service.name,
        labels.collect::<String>()
    ))
}

fn entry(proposal: &Proposal, stack: &Stack<'_>) -> Override {
    let proposed = proposal.services.iter().map(|one| Proposed {
        name: one.service.clone(),
        labels: one
            .labels
            .iter()
            .map(|(key, value, _)| (key.clone(), value.clone()))
            .collect(),
    });
    Override {
        project: proposal.project.clone(),
        compose: stack.file.clone(),
        file: proposal.file_name(),
        services: proposed.collect(),
        text: proposal.yaml(),
    }
}

fn text(report: &Report, args: &LearnArgs) -> String {
    let mut text = String::new();
    for one in &report.overrides {
        match &args.output {
            Some(folder) => {
                let path = folder.join(&one.file);
                let count = one.services.len();
                text.push_str(&format!(
                    "{} {}: labels for {count} services\n",
                    styled(GOOD, "wrote"),
                    path.display()
                ));
            }
            None if report.overrides.len() > 1 => text.push_str(&format!("# {}\n{}\n", one.file, one.text)),
            None => text.push_str(&one.text),
        }
    }
    for command in &report.commands {
        text.push_str(&format!("{command}\n"));
    }
    text
}

/// What to do with it.
fn tell(report: &Report, args: &LearnArgs) {
    for one in &report.overrides {
        let compose = one.compose.as_deref().unwrap_or("compose.yaml");
        let path = args.output.as_ref().map_or_else(
            || one.file.clone(),
            |folder| folder.join(&one.file).display().to_string(),
        );
        let save = if args.output.is_some() {
            ""
        } else {
            "save it, and then "
        };
        note(&format!(
            "{save}`docker compose -f {compose} -f {path} up -d` makes the services of {} anew with these labels",
            one.project
        ));
    }
}
