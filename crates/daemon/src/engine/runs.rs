//! `cofferdam run`: a cgroup, its policy and the caller into it, then the answer. Fails closed.
//!
//! The caller waits and executes its command only after the answer, so there is no moment at which the command runs outside
//! of its policy. The cgroup goes when its last process has gone.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use cofferdam_api::{Code, Problem, RunRequest, RunResponse, VERSION};
use cofferdam_policy::{Labels, Mode, labels};
use cofferdam_workload::host;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::reconcile::Since;
use super::{Engine, choices::check_labels};
use crate::Kinds;
use crate::access::may_run;
use crate::cgroups::tree;
use crate::command::{Caller, Reply};
use crate::resolve::Placement;
use crate::state::Run;

#[cfg(test)]
mod tests;

/// The folder of run cgroups below the enforced root.
pub(super) const FOLDER: &str = "cofferdam";
/// Longest name of a workload.
const NAME: usize = 63;

// === impl Engine ===

impl Engine {
    /// Answers after the state is kept: a daemon that is killed then finds the cgroup again.
    pub(super) fn answer_run(&mut self, request: &RunRequest, caller: &Caller, reply: Reply<RunResponse>) {
        match self.run_workload(request, caller) {
            Ok((key, cgroup, response)) => self.save_then(Box::new(move |engine, kept| {
                if kept.is_err() {
                    engine.undo_run(&key, &cgroup);
                }
                let _ = reply.send(kept.map(|()| response));
            })),
            Err(problem) => drop(reply.send(Err(problem))),
        }
    }

    /// Its key, its cgroup with the caller in it, and the answer.
    fn run_workload(
        &mut self,
        request: &RunRequest,
        caller: &Caller,
    ) -> Result<(String, PathBuf, RunResponse), Problem> {
        let (name, namespace) = self.check_run(request, caller)?;
        let (key, cgroup) = self.make_cgroup(&name)?;
        let run = Run {
            name: name.clone(),
            namespace,
            labels: request.labels.clone(),
            cgroup: cgroup.clone(),
            pid: caller.pid,
            host_network: host::in_own_namespace(caller.pid).unwrap_or(false),
        };
        self.state.runs.insert(key.clone(), run);
        // Meanwhile: the kernel waits for every processor before it moves a process, often longer than all else takes.
        let (folder, process) = (cgroup.clone(), caller.clone());
        let mover = thread::Builder::new().name("mover".to_owned());
        let start = Instant::now();
        let moving = mover.spawn(move || move_caller(&folder, &process));
        self.reconcile_after(Since::NoMove);
        let reconciled = start.elapsed();
        let moved = match moving {
            Ok(moving) => moving.join().unwrap_or_else(|_| Err(gone())),
            Err(_) => move_caller(&cgroup, caller),
        };
        let bound = self.check_bound(&key, &cgroup);
        if let Err(problem) = bound.and(moved) {
            self.undo_run(&key, &cgroup);
            return Err(problem);
        }
        tracing::debug!(?reconciled, moved = ?start.elapsed(), "{name} runs as process {} in {}", caller.pid, cgroup.display());
        let placed = self.find(&name).ok();
        let warnings = placed.map(|one| [one.warnings.clone(), one.notes.clone()].concat());
        let held = placed.map(|one| self.held(one, &request.labels));
        let response = RunResponse {
            version: VERSION,
            workload: name,
            cgroup: cgroup.display().to_string(),
            containment: Some(held.unwrap_or_default()),
            warnings: warnings.unwrap_or_default(),
        };
        Ok((key, cgroup, response))
    }

    /// What a run is not to have, as the labels that say it.
    fn held(&self, placed: &Placement, given: &Labels) -> Labels {
        if placed.protected_by.is_none() {
            return Labels::new();
        }
        let declared = labels::directives(given).containment;
        let held = declared.at(self.config.contain).labels().into_iter();
        let observed = (placed.mode == Mode::Observe).then(|| (labels::MODE, "observe".to_owned()));
        held.chain(observed)
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    }

    /// Everything that can be refused before anything is made; the workload's name and namespace.
    fn check_run(&self, request: &RunRequest, caller: &Caller) -> Result<(String, String), Problem> {
        may_run(&self.config, caller, request)?;
        if self.options.kinds == Kinds::Containers {
            return Err(Problem::new(
                Code::Conflict,
                "this daemon protects containers only (--containers)",
            )
            .hint("start it with --hybrid"));
        }
        if caller.pid == 0 || !is_alive(caller) {
            return Err(
                Problem::new(Code::Conflict, "the calling process is not visible to the daemon")
                    .hint("call `cofferdam run` in the daemon's own pid namespace"),
            );
        }
        check_labels(&request.labels)?;
        let namespace = request.namespace.clone().unwrap_or_else(|| "default".to_owned());
        check_name("namespace", &namespace)?;
        Ok((self.run_name(request)?, namespace))
    }

    /// The name asked for, or the first free one made from the command.
    fn run_name(&self, request: &RunRequest) -> Result<String, Problem> {
        let taken = |name: &str| self.resolved.placements.iter().any(|one| one.name == name);
        if let Some(name) = &request.name {
            check_name("name", name)?;
            if taken(name) {
                return Err(
                    Problem::new(Code::Conflict, format!("a workload named {name} exists"))
                        .hint("give another --name, or none"),
                );
            }
            return Ok(name.clone());
        }
        let base = name_of_command(request.command.as_deref().unwrap_or("run"));
        let numbered = (2_u32..).map(|number| format!("{base}-{number}"));
        let free = std::iter::once(base.clone())
            .chain(numbered)
            .find(|name| !taken(name));
        free.ok_or_else(|| Problem::new(Code::Internal, "no name is free"))
    }

    /// `<root>/cofferdam/<name>-<n>`: the number makes it new even where an old one is still being emptied.
    fn make_cgroup(&mut self, name: &str) -> Result<(String, PathBuf), Problem> {
        let folder = self.cgroup_root.join(FOLDER);
        let failed = |path: &Path, error: &io::Error| {
            Problem::new(
                Code::Internal,
                format!("cannot make the cgroup {}: {error}", path.display()),
            )
        };
        // The packet hooks sit on the folder, so that a cgroup below it is filtered from birth.
        if !folder.is_dir() || !self.parents.values().any(|known| *known == folder) {
            self.watch_parent(folder.clone());
        }
        loop {
            self.state.last_run += 1;
            let label = format!("{name}-{}", self.state.last_run);
            let cgroup = folder.join(&label);
            match fs::create_dir(&cgroup) {
                Ok(()) => return Ok((format!("run:{label}"), cgroup)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&cgroup, &error)),
            }
        }
    }

    /// The kernel must say that the cgroup is who it should be before anything runs in it.
    fn check_bound(&self, key: &str, cgroup: &Path) -> Result<(), Problem> {
        let mut placements = self.resolved.placements.iter();
        let open = placements.any(|one| one.key == key && one.protected_by.is_none());
        if open || self.enforcer.is_bound(cgroup) {
            return Ok(());
        }
        let why = self.complaints.last().cloned().unwrap_or_default();
        Err(Problem::new(
            Code::Internal,
            format!("the kernel did not take the policy: {why}"),
        ))
    }

    fn undo_run(&mut self, key: &str, cgroup: &Path) {
        empty_into(cgroup, &self.cgroup_root);
        remove_tree(cgroup);
        self.state.runs.remove(key);
        self.reconcile();
    }

    /// Removes the cgroups in which nothing runs any more, and forgets whose they were.
    pub(super) fn sweep_runs(&mut self) {
        let mut gone = BTreeSet::new();
        self.state.runs.retain(|key, run| {
            // Busy again means that somebody was moved in meanwhile.
            let stays = is_populated(&run.cgroup) || !remove_tree(&run.cgroup);
            if !stays {
                gone.insert(key.clone());
            }
            stays
        });
        if gone.is_empty() {
            return;
        }
        for key in &gone {
            self.state.choices.modes.remove(key);
            self.names.forget(key);
        }
        self.resolved.placements.retain(|one| !gone.contains(&one.key));
        self.leftover.get_or_insert_with(Instant::now);
        self.dirty = true;
    }

    /// For `stop --open`: what runs goes on in the root, our cgroups go. Returns those that would not.
    pub(super) fn leave_cgroups(&mut self) -> Vec<PathBuf> {
        let mut left = Vec::new();
        let own = self.cgroup_root.join(FOLDER);
        let runs = self.state.runs.values().map(|run| run.cgroup.clone());
        for cgroup in runs.chain(self.strays.runs(&own)) {
            empty_into(&cgroup, &self.cgroup_root);
            if !remove_tree(&cgroup) {
                left.push(cgroup);
            }
        }
        if left.is_empty() {
            self.state.runs.clear();
        }
        // Not ours to report: an engine may use its parent by now.
        for folder in std::mem::take(&mut self.state.made).iter().chain([&own]) {
            let _ = fs::remove_dir(folder);
        }
        left
    }
}

/// Moves the caller: its number only counts while the handle says that it is still the same process.
fn move_caller(cgroup: &Path, caller: &Caller) -> Result<(), Problem> {
    if !is_alive(caller) {
        return Err(gone());
    }
    fs::write(cgroup.join("cgroup.procs"), caller.pid.to_string()).map_err(|error| {
        Problem::new(
            Code::Internal,
            format!(
                "cannot move process {} into {}: {error}",
                caller.pid,
                cgroup.display()
            ),
        )
    })?;
    if is_alive(caller) { Ok(()) } else { Err(gone()) }
}

fn gone() -> Problem {
    Problem::new(
        Code::Conflict,
        "the calling process ended before it could be moved",
    )
}

/// A pidfd becomes readable when its process ends (pidfd_open(2)). Without one the number has to do. It may be another
/// process's by now, if the caller ended and left its socket to a child: then it must at least be the same user's.
fn is_alive(caller: &Caller) -> bool {
    let Some(pidfd) = &caller.pidfd else {
        let process = fs::metadata(Path::new("/proc").join(caller.pid.to_string()));
        return process.is_ok_and(|process| process.uid() == caller.uid);
    };
    let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    matches!(poll(&mut fds, PollTimeout::ZERO), Ok(0))
}

pub(super) fn is_populated(cgroup: &Path) -> bool {
    match fs::read_to_string(cgroup.join("cgroup.events")) {
        Ok(text) => !text.lines().any(|line| line == "populated 0"),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// Moves every process of a cgroup and of those below it into another one.
fn empty_into(cgroup: &Path, target: &Path) {
    for folder in tree(cgroup) {
        for pid in fs::read_to_string(folder.join("cgroup.procs"))
            .unwrap_or_default()
            .lines()
        {
            let _ = fs::write(target.join("cgroup.procs"), pid);
        }
    }
}

/// Removes a cgroup and those below it; `false` if one is in use.
pub(super) fn remove_tree(cgroup: &Path) -> bool {
    for folder in tree(cgroup).iter().rev() {
        let _ = fs::remove_dir(folder);
    }
    !cgroup.exists()
}

/// A word that is a good file name and a good argument.
fn check_name(what: &str, name: &str) -> Result<(), Problem> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let first = name.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    if first && name.len() <= NAME && name.chars().all(good) {
        return Ok(());
    }
    Err(
        Problem::new(Code::Invalid, format!("{what} {name:?} is not usable")).hint(format!(
            "letters, digits, '.', '_' and '-', at most {NAME}, a letter or digit first"
        )),
    )
}

/// `/usr/bin/my cmd` → `my-cmd`.
fn name_of_command(command: &str) -> String {
    let file = command.rsplit('/').next().unwrap_or(command);
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') {
            c
        } else {
            '-'
        }
    };
    let name: String = file.chars().map(plain).take(NAME - 12).collect();
    let name = name.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if name.is_empty() {
        "run".to_owned()
    } else {
        name.to_owned()
    }
}
