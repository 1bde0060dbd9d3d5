//! Which documents select whom, asked of the documents: most select few.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clauses::{Index, in_order};
use crate::documents::Document;
use crate::{IDENTITY_MIN, Identity, Labels, Peer, World};

use super::sets::Sets;

/// The documents that select each of these workloads (by namespace and labels), in the order in which they are asked.
#[must_use]
pub fn selecting(
    documents: &[Arc<Document>],
    namespaces: &BTreeMap<String, Labels>,
    workloads: &[(&str, &Arc<Labels>)],
) -> Vec<Vec<Arc<Document>>> {
    let mut found = vec![Vec::new(); workloads.len()];
    if documents.is_empty() {
        return found;
    }
    let someone = |(number, (namespace, labels)): (u32, &(&str, &Arc<Labels>))| Identity {
        number: Peer(number),
        namespace: (*namespace).to_owned(),
        identity_labels: Arc::default(),
        labels: Arc::clone(labels),
        named_ports: Vec::new(),
    };
    let world = World {
        identities: (IDENTITY_MIN..).zip(workloads).map(someone).collect(),
        namespaces: namespaces.clone(),
        ..World::default()
    };
    let index = Index::new(&world);
    let sets = Sets::new(&index);
    let mut ordered = documents.to_vec();
    in_order(&mut ordered);
    for document in ordered {
        for place in sets.selected(&document.subject).iter() {
            if let Some(selecting) = found.get_mut(*place) {
                selecting.push(Arc::clone(&document));
            }
        }
    }
    found
}
