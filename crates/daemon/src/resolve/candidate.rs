//! A workload before it has numbers, and how it gets them.

use std::collections::BTreeMap;
use std::sync::Arc;

use cofferdam_policy::containment::{Containment, Interface, Loopback};
use cofferdam_policy::{
    DefaultProfile, Document, Identity, Labels, Mode, NamedPort, Opening, Peer, PeerClass, PortRange,
};

use super::{Place, Placement, distinct};
use crate::enforcer::{Contained, Entry};
use crate::state::{Numbers, loopbacks};

/// A workload before it has numbers.
pub(super) struct Candidate {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) place: Place,
    /// Every label, directives left out.
    pub(super) labels: Arc<Labels>,
    pub(super) identity_labels: Arc<Labels>,
    pub(super) named_ports: Vec<NamedPort>,
    pub(super) profile: Option<DefaultProfile>,
    pub(super) openings: Vec<Opening>,
    /// What was declared; `None`: it is not on the host's network.
    pub(super) containment: Option<Containment>,
    /// Ports that its image exposes, and those that are published.
    pub(super) declared: Vec<PortRange>,
    pub(super) protected_by: Option<String>,
    /// Its creator said that it is not to be protected.
    pub(super) refuses: bool,
    pub(super) mode: Mode,
    /// What its user should know while it is protected, and while it is not.
    pub(super) notes: [Vec<String>; 2],
    pub(super) warnings: Vec<String>,
}

// === impl Candidate ===

impl Candidate {
    /// Whom a policy selects is protected. What only watches changes nothing, so it protects nobody either.
    pub(super) fn protect_by(&mut self, selected: &[Arc<Document>]) {
        if self.protected_by.is_none() && !self.refuses {
            let enforced = selected.iter().find(|document| !document.observe);
            self.protected_by = enforced.map(|document| format!("policy {}", document.full_name()));
        }
    }

    /// Who it is, and what the kernel is told about it. `policy` is what the documents that select it say.
    pub(super) fn number(
        &self,
        profile: DefaultProfile,
        policy: u64,
        numbers: &mut Numbers,
    ) -> (Option<Identity>, Entry) {
        if self.protected_by.is_none() {
            // Strangers are announced too: a container that nobody announced would be pending.
            let entry = Entry {
                workload: 0,
                identity: Peer(PeerClass::Host as u32),
                subject: 0,
                observe: false,
                contained: false,
                moved: false,
                on_host: false,
            };
            return (None, entry);
        }
        let (workload, who) = numbers.workload(
            &self.key,
            &self.namespace,
            self.identity_labels.clone(),
            self.labels.clone(),
            self.named_ports.clone(),
        );
        let profile = self.profile.unwrap_or(profile);
        let subject = numbers.subject(who.number, profile, &self.openings, policy);
        let entry = Entry {
            workload,
            identity: who.number,
            subject,
            observe: self.mode == Mode::Observe,
            contained: false,
            moved: false,
            on_host: self.containment.is_some(),
        };
        (Some(who), entry)
    }

    /// What the kernel is told about what it may take of the host's network.
    pub(super) fn contained(
        &self,
        entry: &Entry,
        interfaces: &BTreeMap<String, u32>,
        numbers: &mut Numbers,
    ) -> Option<Contained> {
        let containment = self.containment.clone().filter(|_| entry.subject != 0)?;
        let loopback = match &containment.loopback {
            Loopback::Host => None,
            Loopback::Private => Some(loopbacks::private(entry.workload)),
            Loopback::Group(name) => Some(numbers.loopback(&self.namespace, name)),
        };
        let named = containment
            .interfaces
            .iter()
            .flatten()
            .filter_map(|item| match item {
                Interface::Name(name) => interfaces.get(name).copied(),
                Interface::Address(_) => None,
            });
        Some(Contained {
            workload: entry.workload,
            loopback,
            interfaces: named.collect(),
            declared: self.declared.clone(),
            containment,
        })
    }

    /// What sharing a loopback opens.
    pub(super) fn share_loopback(mut self) -> Self {
        if let Some((label, openings)) = self.containment.as_ref().and_then(Containment::sharing) {
            let mut labels = (*self.labels).clone();
            labels.extend(label);
            self.labels = labels.into();
            self.openings = distinct(self.openings.into_iter().chain(openings));
        }
        self
    }

    pub(super) fn placed(
        self,
        selected_by: Vec<Arc<Document>>,
        identity: Option<Identity>,
        entry: Entry,
        contained: Option<Contained>,
    ) -> Placement {
        let is_protected = identity.is_some();
        let [protected_notes, bare_notes] = self.notes;
        Placement {
            key: self.key,
            name: self.name,
            namespace: self.namespace,
            place: self.place,
            entry,
            contained,
            identity,
            labels: self.labels,
            openings: if is_protected { self.openings } else { Vec::new() },
            profile: self.profile,
            selected_by,
            protected_by: self.protected_by,
            mode: self.mode,
            notes: if is_protected { protected_notes } else { bare_notes },
            warnings: self.warnings,
        }
    }
}
