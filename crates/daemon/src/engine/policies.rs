//! The policy folder: what was written there is read, tried, put into force or refused, and kept.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cofferdam_api as api;
use cofferdam_api::{Code, Problem, VERSION};
use cofferdam_policy::Document;

use super::Engine;
use crate::error::chain;
use crate::policies::{File, Outcome, Proposal, line};

/// How long a look waits for more: whoever copies a folder of policies means one change.
const GATHER: Duration = Duration::from_millis(5);

// === impl Engine ===

impl Engine {
    /// At the start: makes the kernel hold what is known, and what the folder says.
    pub(super) fn recall_policies(&mut self) {
        if !self.look_at_policies() {
            self.reconcile();
        }
    }

    /// Something was written.
    pub(super) fn hear_policies(&mut self) {
        if self.folder.hear() {
            self.look_due.get_or_insert_with(|| Instant::now() + GATHER);
        }
    }

    /// Puts into force what the folder says by now; `false`: that is nothing new, and nothing was done.
    pub(super) fn look_at_policies(&mut self) -> bool {
        self.look_due = None;
        self.folder.hear();
        let Some(mut proposal) = self.read_policies() else {
            return false;
        };
        let fits = self.try_proposal(&mut proposal);
        let changes = proposal.changes();
        self.close(proposal);
        if !fits {
            self.reconcile();
        }
        changes
    }

    /// A folder that came, went or was put in another's place is read. `true`: some policy has ended.
    pub(super) fn find_policies(&mut self) -> bool {
        if self.folder.aim() {
            self.look_at_policies();
        }
        let now = now();
        let documents = self.resolved.world.documents.iter();
        documents.into_iter().any(|document| document.has_ended(now))
    }

    /// For whoever has written files and wants to know what became of them.
    pub(super) fn reload_policies(&mut self, request: api::ReloadRequest) -> Result<api::Policies, Problem> {
        self.folder.read(request.files);
        self.look_at_policies();
        if self.enforcer.took_policy() {
            return Ok(self.policies_view());
        }
        let why = self.complaints.last().cloned().unwrap_or_default();
        Err(Problem::new(
            Code::Internal,
            format!("the kernel did not take the policies: {why}"),
        ))
    }

    pub(super) fn policies_view(&self) -> api::Policies {
        let mut selected = Selected::default();
        for placement in &self.resolved.placements {
            for document in &placement.selected_by {
                let names = selected.entry((&document.namespace, &document.name)).or_default();
                names.push(placement.name.clone());
            }
        }
        let files = self.policies.files().iter();
        api::Policies {
            version: VERSION,
            folder: self.policies.folder().display().to_string(),
            files: files
                .map(|(name, file)| file_view(name, file, &selected))
                .collect(),
        }
    }

    pub(super) fn policy_counts(&self) -> api::PolicyCounts {
        let files = self.policies.files().values();
        let refused = files.filter(|file| !file.mistakes.is_empty()).count();
        api::PolicyCounts {
            folder: self.policies.folder().display().to_string(),
            in_force: self.resolved.world.documents.len() as u64,
            refused_files: refused as u64,
        }
    }

    fn read_policies(&mut self) -> Option<Proposal> {
        match self.folder.look(self.policies.files().keys()) {
            Ok(looks) => Some(self.policies.propose(looks)),
            Err(error) => {
                // It may have read some of it.
                self.folder.read_all();
                let line = self.policies.lose(&chain(&error));
                tracing::error!("{line}");
                self.alerts.policy(line);
                None
            }
        }
    }

    /// Enforces what of a proposal fits; `false`: it is not at fault, nothing compiles.
    fn try_proposal(&mut self, proposal: &mut Proposal) -> bool {
        while proposal.changes() {
            match self.try_documents(proposal.in_force(now())) {
                Ok(()) => return true,
                Err(error) if proposal.withdraw(&error) => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Makes a proposal the books; says and keeps what is new in it.
    fn close(&mut self, proposal: Proposal) {
        let folder = self.policies.folder().to_owned();
        let mut unkept = Vec::new();
        for (name, outcome) in proposal.outcomes() {
            let path = folder.join(name);
            let path = path.display();
            let kept = match outcome {
                Outcome::Taken(good) => {
                    tracing::info!("{path}: {} policies are in force", good.documents.len());
                    self.folder.keep(name, &good.text)
                }
                Outcome::Gone => {
                    tracing::info!("{path} is gone, and its policies with it");
                    self.folder.forget(name)
                }
                Outcome::Refused(file) => {
                    for mistake in &file.mistakes {
                        let line = line(mistake, file);
                        tracing::error!("{line}");
                        self.alerts.policy(&line);
                    }
                    Ok(())
                }
            };
            if let Err(error) = kept {
                unkept.push(format!(
                    "what {path} says would be lost if it went bad before a restart: {error}"
                ));
            }
        }
        self.policies.take(proposal);
        unkept.into_iter().for_each(|line| self.complain(line));
    }
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Names of the workloads that a policy selects, by its namespace and name.
type Selected<'d> = HashMap<(&'d Option<String>, &'d String), Vec<String>>;

fn file_view(name: &str, file: &File, selected: &Selected<'_>) -> api::PolicyFile {
    let mistakes = file.mistakes.iter().map(|one| api::Mistake {
        line: one.line,
        column: one.column,
        what: one.what.clone(),
        hint: one.hint.clone(),
    });
    let documents = file.good.documents.iter();
    api::PolicyFile {
        name: name.to_owned(),
        text: String::from_utf8_lossy(&file.good.text).into_owned(),
        policies: documents
            .map(|document| document_view(document, selected))
            .collect(),
        mistakes: mistakes.collect(),
    }
}

fn document_view(document: &Document, selected: &Selected<'_>) -> api::PolicyView {
    let line = document
        .place
        .rsplit_once(':')
        .and_then(|(_, line)| line.parse().ok());
    let until = document.until.and_then(|until| i64::try_from(until).ok());
    let workloads = selected.get(&(&document.namespace, &document.name));
    api::PolicyView {
        line: line.unwrap_or(1),
        observe: document.observe,
        until: until.and_then(|until| api::Timestamp::from_second(until).ok()),
        ended: document.has_ended(now()),
        workloads: workloads.cloned().unwrap_or_default(),
        name: document.full_name(),
    }
}
