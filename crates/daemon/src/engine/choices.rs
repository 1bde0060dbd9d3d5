//! What the user chooses at run time: enforce, observe, confirm, protect, unprotect, off, on.
//!
//! Each choice is in the state file before it is answered: a daemon that dies does not forget what it promised.

use std::collections::BTreeMap;

use cofferdam_api::{
    ChangeRequest, Changed, Code, EnforceRequest, Problem, ProtectRequest, Switched, Timestamp,
    UnprotectRequest, VERSION,
};
use cofferdam_policy::{Labels, Mode, labels};

use super::{Ending, Engine};
use crate::command::Command;
use crate::resolve::{Place, Placement};
use crate::state::Rollback;

// === impl Engine ===

impl Engine {
    /// Answers one request; `Some` ends the loop.
    pub(super) fn answer(&mut self, command: Command) -> Option<Ending> {
        // A client that went away has no use for its answer.
        match command {
            Command::Status(reply) => drop(reply.send(Ok(self.status()))),
            Command::Metrics(reply) => drop(reply.send(Ok(self.scrape()))),
            Command::Workloads(reply) => drop(reply.send(Ok(self.workloads()))),
            Command::Flows(query, reply) => {
                self.record_events();
                drop(reply.send(Ok(self.past_flows(&query))));
            }
            Command::Run(request, caller, reply) => self.answer_run(&request, &caller, reply),
            Command::Enforce(request, reply) => {
                let done = self.enforce(&request);
                self.answer_kept(done, reply);
            }
            Command::Observe(request, reply) => {
                let done = self.observe(&request);
                self.answer_kept(done, reply);
            }
            Command::Confirm(reply) => {
                let done = self.confirm();
                self.answer_kept(done, reply);
            }
            Command::Protect(request, reply) => {
                let done = self.protect(&request);
                self.answer_kept(done, reply);
            }
            Command::Unprotect(request, reply) => {
                let done = self.unprotect(&request);
                self.answer_kept(done, reply);
            }
            Command::Off(off, reply) => {
                let done = Ok(self.switch(off));
                self.answer_kept(done, reply);
            }
            Command::Explain(request, reply) => drop(reply.send(self.explain(&request))),
            Command::Policy(reply) => drop(reply.send(Ok(self.policy_text()))),
            Command::Policies(reply) => drop(reply.send(Ok(self.policies_view()))),
            Command::ReloadPolicies(request, reply) => drop(reply.send(self.reload_policies(request))),
            Command::Key(reply) => drop(reply.send(self.key_answer())),
            Command::RotateKey(reply) => {
                let done = self.rotate_key();
                self.answer_kept(done, reply);
            }
            Command::Stop(open, reply) => return Some(Ending::Asked(open, reply)),
        }
        None
    }

    fn enforce(&mut self, request: &EnforceRequest) -> Result<Changed, Problem> {
        let chosen = self.choose(&request.names, request.all)?;
        let changed: Vec<_> = chosen
            .into_iter()
            .filter(|(_, _, mode)| *mode == Mode::Observe)
            .collect();
        let mut notes = Vec::new();
        if self.config.mode == Mode::Observe {
            notes.push(
                "the daemon runs with mode observe: nothing is denied until that is changed".to_owned(),
            );
        }
        let rollback_at = request
            .for_seconds
            .map(|seconds| self.arm(&changed, seconds))
            .transpose()?;
        if rollback_at.is_none() {
            self.keep_rollback_off(&changed);
        }
        self.set_modes(&changed, Mode::Enforce);
        Ok(answer(changed, rollback_at, notes))
    }

    fn observe(&mut self, request: &ChangeRequest) -> Result<Changed, Problem> {
        let chosen = self.choose(&request.names, request.all)?;
        let changed: Vec<_> = chosen
            .into_iter()
            .filter(|(_, _, mode)| *mode == Mode::Enforce)
            .collect();
        self.keep_rollback_off(&changed);
        self.set_modes(&changed, Mode::Observe);
        Ok(answer(changed, None, Vec::new()))
    }

    fn confirm(&mut self) -> Result<Changed, Problem> {
        let Some(rollback) = self.state.choices.rollback.take() else {
            return Err(Problem::new(Code::Conflict, "there is nothing to confirm")
                .hint("`cofferdam enforce --for 5m` begins something that can be confirmed"));
        };
        let name = |key: &String| {
            self.resolved
                .placements
                .iter()
                .find(|one| one.key == *key)
                .map(|one| one.name.clone())
        };
        Ok(Changed {
            version: VERSION,
            workloads: rollback.modes.keys().filter_map(name).collect(),
            rollback_at: None,
            notes: Vec::new(),
        })
    }

    /// `true`: time was up and the old modes are back.
    pub(super) fn roll_back_if_due(&mut self) -> bool {
        let due = self
            .state
            .choices
            .rollback
            .as_ref()
            .is_some_and(|rollback| rollback.at <= Timestamp::now());
        let Some(rollback) = due.then(|| self.state.choices.rollback.take()).flatten() else {
            return false;
        };
        for (key, mode) in rollback.modes {
            match mode {
                Some(mode) => drop(self.state.choices.modes.insert(key, mode)),
                None => drop(self.state.choices.modes.remove(&key)),
            }
        }
        tracing::warn!("`enforce --for` was not confirmed in time: the modes from before are back");
        self.dirty = true;
        true
    }

    fn protect(&mut self, request: &ProtectRequest) -> Result<Changed, Problem> {
        check_labels(&request.labels)?;
        let placement = self.find(&request.name)?;
        if !matches!(placement.place, Place::Container(..)) {
            return Err(
                Problem::new(Code::Invalid, format!("{} is no container", placement.name))
                    .hint("`cofferdam run --label` and [[unit]] in the configuration protect processes"),
            );
        }
        let name = placement.name.clone();
        self.state
            .choices
            .protected
            .insert(name.clone(), request.labels.clone());
        self.reconcile();
        let mut notes = Vec::new();
        if request.labels.is_empty()
            && self
                .find(&name)?
                .identity
                .as_ref()
                .is_some_and(|who| who.identity_labels.is_empty())
        {
            notes.push(format!(
                "{name} has no identity: no other workload is its like; `--label app={name}` gives it one"
            ));
        }
        Ok(Changed {
            version: VERSION,
            workloads: vec![name],
            rollback_at: None,
            notes,
        })
    }

    fn unprotect(&mut self, request: &UnprotectRequest) -> Result<Changed, Problem> {
        // The container may be gone; its name is enough.
        let name = self
            .find(&request.name)
            .map_or(request.name.clone(), |one| one.name.clone());
        if self.state.choices.protected.remove(&name).is_none() {
            let placement = self.find(&request.name)?;
            return Err(match &placement.protected_by {
                None => Problem::new(Code::Conflict, format!("{name} is not protected")),
                Some(by) => Problem::new(
                    Code::Conflict,
                    format!("{name} is protected by {by}, not by `cofferdam protect`"),
                )
                .hint(format!("`cofferdam observe {name}` only records its denials")),
            });
        }
        self.reconcile();
        let mut notes = Vec::new();
        if let Some(by) = self.find(&name).ok().and_then(|one| one.protected_by.clone()) {
            notes.push(format!("{name} stays protected by {by}"));
        }
        Ok(Changed {
            version: VERSION,
            workloads: vec![name],
            rollback_at: None,
            notes,
        })
    }

    fn switch(&mut self, off: bool) -> Switched {
        let changed = self.state.choices.off != off;
        self.state.choices.off = off;
        self.apply_global();
        match off {
            true => tracing::warn!("ENFORCEMENT IS OFF for the whole host until `cofferdam on`"),
            false => tracing::info!("enforcement is on"),
        }
        Switched {
            version: VERSION,
            off,
            changed,
        }
    }

    /// The named workloads (key, name, mode), or all that are protected.
    fn choose(&self, names: &[String], all: bool) -> Result<Vec<Chosen>, Problem> {
        let of = |placement: &Placement| {
            (
                placement.key.clone(),
                placement.name.clone(),
                self.own_mode(placement),
            )
        };
        if all != names.is_empty() {
            return Err(
                Problem::new(Code::Invalid, "name workloads, or ask for all, not both")
                    .hint("`cofferdam enforce NAME...` or `cofferdam enforce --all`"),
            );
        }
        if all {
            let protected = self
                .resolved
                .placements
                .iter()
                .filter(|one| one.protected_by.is_some());
            return Ok(protected.map(of).collect());
        }
        let mut chosen = Vec::new();
        for name in names {
            let placement = self.find(name)?;
            if placement.protected_by.is_none() {
                let name = &placement.name;
                return Err(Problem::new(Code::Conflict, format!("{name} is not protected"))
                    .hint(format!("`cofferdam protect {name}` protects it")));
            }
            chosen.push(of(placement));
        }
        Ok(chosen)
    }

    /// Its mode but for the daemon's own `--mode observe`.
    fn own_mode(&self, placement: &Placement) -> Mode {
        match self.config.mode {
            Mode::Enforce => placement.mode,
            Mode::Observe => self
                .state
                .choices
                .modes
                .get(&placement.key)
                .copied()
                .unwrap_or(Mode::Observe),
        }
    }

    /// A workload by name, full id, or a beginning of its id that no other has.
    pub(super) fn find(&self, text: &str) -> Result<&Placement, Problem> {
        let all = &self.resolved.placements;
        if let Some(exact) = all.iter().find(|one| one.name == text) {
            return Ok(exact);
        }
        const SHORTEST: usize = 4;
        let begins = |one: &&Placement| match &one.place {
            Place::Container(id, _) => text.len() >= SHORTEST && id.as_str().starts_with(text),
            Place::Run(_) | Place::Unit(_) => one.key.split_once(':').is_some_and(|(_, id)| id == text),
        };
        let mut found = all.iter().filter(begins);
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (Some(_), Some(_)) => Err(Problem::new(
                Code::Invalid,
                format!("`{text}` begins more than one id"),
            )),
            (None, _) => Err(
                Problem::new(Code::NotFound, format!("there is no workload `{text}`"))
                    .hint("`cofferdam ps` lists them"),
            ),
        }
    }

    fn arm(&mut self, changed: &[Chosen], seconds: u64) -> Result<Timestamp, Problem> {
        const LONGEST: u64 = 7 * 24 * 3600;
        if !(1..=LONGEST).contains(&seconds) {
            return Err(
                Problem::new(Code::Invalid, format!("{seconds} s is out of range"))
                    .hint("1 second to 7 days"),
            );
        }
        let span = std::time::Duration::from_secs(seconds);
        let at = Timestamp::now()
            .checked_add(span)
            .map_err(|error| Problem::new(Code::Invalid, error.to_string()))?;
        let modes = &self.state.choices.modes;
        // What an earlier, unconfirmed one would go back to is still the way back.
        let mut back = self
            .state
            .choices
            .rollback
            .take()
            .map(|rollback| rollback.modes)
            .unwrap_or_default();
        for (key, _, _) in changed {
            back.entry(key.clone()).or_insert_with(|| modes.get(key).copied());
        }
        self.state.choices.rollback = Some(Rollback { at, modes: back });
        Ok(at)
    }

    /// A plain command is final: an armed rollback does not undo it.
    fn keep_rollback_off(&mut self, changed: &[Chosen]) {
        if let Some(rollback) = &mut self.state.choices.rollback {
            rollback
                .modes
                .retain(|key, _| !changed.iter().any(|(one, _, _)| one == key));
            if rollback.modes.is_empty() {
                self.state.choices.rollback = None;
            }
        }
    }

    fn set_modes(&mut self, changed: &[Chosen], mode: Mode) {
        let new: BTreeMap<_, _> = changed.iter().map(|(key, _, _)| (key.clone(), mode)).collect();
        self.state.choices.modes.extend(new);
        self.reconcile();
    }
}

/// Key, name and mode of a workload.
type Chosen = (String, String, Mode);

fn answer(changed: Vec<Chosen>, rollback_at: Option<Timestamp>, notes: Vec<String>) -> Changed {
    let workloads = changed.into_iter().map(|(_, name, _)| name).collect();
    Changed {
        version: VERSION,
        workloads,
        rollback_at,
        notes,
    }
}

/// Every pair as it would be written on a command line.
pub(super) fn check_labels(given: &Labels) -> Result<(), Problem> {
    for (key, value) in given {
        labels::parse(&format!("{key}={value}")).map_err(|error| unusable(&error))?;
    }
    // Of a container's creator they are a warning; whoever gives a command can mend it.
    match labels::directives(given).problems.first() {
        Some(error) => Err(unusable(error)),
        None => Ok(()),
    }
}

fn unusable(error: &labels::LabelError) -> Problem {
    Problem::new(Code::Invalid, error.to_string()).hint(error.hint())
}
