//! A world by its numbers, and which documents select whom.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use ipnet::IpNet;
use rustc_hash::FxHashMap;

use crate::classes::{class_of, class_prefixes};
use crate::documents::{Document, NAMESPACE_NAME, Scope, Selection};
use crate::postures::default_profile;
use crate::{Direction, End, Identity, Labels, Peer, PeerClass, Subject, World};

use super::{Clause, View};

/// A world, indexed by its numbers.
pub(crate) struct Index<'w> {
    pub(crate) world: &'w World,
    pub(crate) classes: BTreeMap<IpNet, PeerClass>,
    /// In the order in which they are asked.
    pub(crate) documents: Vec<&'w Document>,
    identities: FxHashMap<Peer, &'w Identity>,
    subjects: FxHashMap<u32, &'w Subject>,
    namespaces: FxHashMap<&'w str, Labels>,
}

// === impl Index ===

impl<'w> Index<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        let mut documents: Vec<&Document> = world.documents.iter().map(Arc::as_ref).collect();
        in_order(&mut documents);
        let known = world
            .identities
            .iter()
            .map(|identity| identity.namespace.as_str());
        let known = known.chain(world.namespaces.keys().map(String::as_str));
        Self {
            world,
            classes: class_prefixes(world),
            documents,
            identities: world
                .identities
                .iter()
                .map(|identity| (identity.number, identity))
                .collect(),
            subjects: world
                .subjects
                .iter()
                .map(|subject| (subject.number, subject))
                .collect(),
            namespaces: known
                .map(|name| (name, labels_of(&world.namespaces, name)))
                .collect(),
        }
    }

    /// A subject and who it is; `None` if the world does not have both.
    pub(crate) fn subject(&self, number: u32) -> Option<(&'w Subject, &'w Identity)> {
        let subject = *self.subjects.get(&number)?;
        Some((subject, *self.identities.get(&subject.identity)?))
    }

    /// The built-in document of a subject. `None` fails closed: no clause, no policy.
    pub(crate) fn profile(&self, subject: &Subject) -> Option<&'static Document> {
        default_profile(subject.profile.unwrap_or(self.world.profile))
    }

    /// The class of an address.
    pub(crate) fn class(&self, address: IpAddr) -> PeerClass {
        class_of(&self.classes, address)
    }

    /// The labels of a namespace in which somebody is.
    pub(crate) fn namespace(&self, name: &str) -> &Labels {
        static NONE: Labels = Labels::new();
        self.namespaces.get(name).unwrap_or(&NONE)
    }

    /// How rules see an end. A subject that the world does not have is some workload.
    pub(crate) fn view(&self, end: End, address: Option<IpAddr>) -> View<'w> {
        match end {
            End::Subject(number) => {
                View::Workload(self.subject(number).map(|(_, identity)| identity), address)
            }
            End::Address(address) => View::Outside(class_of(&self.classes, address), address),
            End::Pending => View::Workload(None, address),
        }
    }

    /// The documents that select an identity, in order; looks at each.
    pub(crate) fn selecting(&self, own: &Identity) -> Vec<&'w Document> {
        let namespace = self.namespace(&own.namespace);
        let documents = self.documents.iter().copied();
        documents
            .filter(|document| selects(&document.subject, &own.namespace, namespace, &own.labels))
            .collect()
    }

    /// The clauses of a subject in one direction, first asked first.
    pub(crate) fn clauses(
        &self,
        subject: &'w Subject,
        own: &Identity,
        direction: Direction,
    ) -> Vec<Clause<'w>> {
        self.clauses_of(subject, &self.selecting(own), direction)
    }
}

/// In the order in which they are asked.
pub(crate) fn in_order<D: Deref<Target = Document>>(documents: &mut [D]) {
    fn key(one: &Document) -> impl Ord {
        (one.tier, one.priority, &one.namespace, &one.name, &one.place)
    }
    documents.sort_by(|a, b| key(a).cmp(&key(b)));
}

/// The labels of a namespace, its name among them.
fn labels_of(namespaces: &BTreeMap<String, Labels>, namespace: &str) -> Labels {
    let mut labels = namespaces.get(namespace).cloned().unwrap_or_default();
    labels.insert(NAMESPACE_NAME.to_owned(), namespace.to_owned());
    labels
}

/// Whether a selection is about a workload of a namespace with these labels.
pub(crate) fn selects(selection: &Selection, name: &str, namespace: &Labels, labels: &Labels) -> bool {
    selects_namespace(&selection.namespaces, name, namespace) && selection.pods.matches(labels)
}

/// Whether a scope is about a namespace with these labels.
pub(crate) fn selects_namespace(scope: &Scope, name: &str, labels: &Labels) -> bool {
    match scope {
        Scope::Named(wanted) => wanted == name,
        Scope::Matching(selector) => selector.matches(labels),
    }
}

// === impl Document ===

impl Document {
    /// Whether it selects a workload with these labels. `namespaces` are [`World::namespaces`].
    #[must_use]
    pub fn selects(&self, namespaces: &BTreeMap<String, Labels>, namespace: &str, labels: &Labels) -> bool {
        selects(
            &self.subject,
            namespace,
            &labels_of(namespaces, namespace),
            labels,
        )
    }
}

// === impl Selection ===

impl Selection {
    /// Whether it selects every workload of the host.
    pub(crate) fn is_everything(&self) -> bool {
        let everywhere = matches!(&self.namespaces, Scope::Matching(selector) if selector.is_everything());
        everywhere && self.pods.is_everything()
    }
}
