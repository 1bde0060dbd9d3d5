//! Everything that one audit judges: files, a command line, or this host with its engine.

use std::fs;
use std::path::Path;

use cofferdam_audit::engine::Engine;
use cofferdam_audit::host::Host;
use cofferdam_audit::model::Estate;
use cofferdam_audit::yaml::Comment;
use cofferdam_audit::{Note, command, inspect};

use super::{engine, files, host, observe};
use crate::args::AuditArgs;
use crate::failure::Failure;
use crate::output::{json, note};

/// What was gathered.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// What to judge.
    pub(super) estate: Estate,
    /// Comments of all files.
    pub(super) comments: Vec<Comment>,
}

// === impl Gathered ===

impl Gathered {
    /// What was read leniently.
    pub(super) fn notes(&self) -> Vec<Note> {
        let projects = self
            .estate
            .projects
            .iter()
            .flat_map(|project| project.notes.clone());
        let engine = self.estate.engine.iter().flat_map(|engine| engine.notes.clone());
        projects.chain(engine).collect()
    }
}

/// Gathers what the arguments ask for.
pub(super) fn gather(args: &AuditArgs) -> Result<Gathered, Failure> {
    let mut gathered = Gathered::default();
    if !args.command.is_empty() {
        let project = command::read(&args.command).ok_or_else(|| {
            Failure::new(format!("`{}` runs no container", args.command.join(" ")))
                .hint("`cofferdam audit -- docker run ...`")
        })?;
        gathered.estate.projects.push(project);
    } else if args.paths.is_empty() {
        live(args, &mut gathered)?;
    } else {
        from_files(args, &mut gathered)?;
    }
    if let Some(path) = &args.facts {
        let bytes = fs::read(path).map_err(|error| super::cannot("read", path, &error))?;
        let facts = Host::read(&bytes)
            .map_err(|error| Failure::new(format!("{} holds no facts of a host: {error}", path.display())))?;
        gathered.estate.host = Some(facts);
    }
    Ok(gathered)
}

fn from_files(args: &AuditArgs, gathered: &mut Gathered) -> Result<(), Failure> {
    let found = files::find(&args.paths)?;
    for read in files::read_all(&found.projects) {
        gathered.estate.projects.push(read.project);
        gathered.comments.extend(read.comments);
    }
    for path in &found.json {
        let bytes = fs::read(path).map_err(|error| super::cannot("read", Path::new(path), &error))?;
        let project = inspect::read(path, &bytes, None);
        if project.services.is_empty() && project.networks.is_empty() {
            gathered.estate.engine = Some(Engine::read_configuration(path, &bytes));
        } else {
            gathered.estate.projects.push(project);
        }
    }
    if gathered.estate.projects.is_empty() && gathered.estate.engine.is_none() {
        note("no compose file, no `docker inspect` answer and no `daemon.json` is there");
    }
    Ok(())
}

/// This host.
fn live(args: &AuditArgs, gathered: &mut Gathered) -> Result<(), Failure> {
    let estate = &mut gathered.estate;
    match engine::ask(args.engine.as_deref())? {
        Some(answer) => {
            estate.projects.push(answer.project);
            let mut engine = answer.engine;
            // Podman does not read it.
            if let (false, Ok(bytes)) = (engine.podman, fs::read(&args.daemon_json)) {
                engine.add_configuration(&args.daemon_json.to_string_lossy(), &bytes);
            }
            estate.engine = Some(engine);
        }
        None => note("no engine answers: this host's sockets and firewall alone are judged"),
    }
    if args.facts.is_some() {
        return Ok(());
    }
    let mut facts = host::facts();
    if let Some(seconds) = args.observe {
        facts.observations = observe::observe(&estate.projects, seconds);
    }
    if let Some(path) = &args.save_facts {
        fs::write(path, json(&facts)?).map_err(|error| super::cannot("write", path, &error))?;
    }
    estate.host = Some(facts);
    Ok(())
}
