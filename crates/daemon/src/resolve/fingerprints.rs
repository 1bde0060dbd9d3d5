//! One number for what the documents say that select a workload: with another one it is another subject.

use std::hash::Hasher;
use std::sync::Arc;

use cofferdam_policy::Document;
use rustc_hash::FxHashMap;

/// The number of each document, by its address, which is nobody else's for as long as the document is held here.
#[derive(Debug, Default)]
pub(crate) struct Fingerprints(FxHashMap<*const Document, (Arc<Document>, u64)>);

// === impl Fingerprints ===

impl Fingerprints {
    /// Looks at those that are new, and forgets all others.
    pub(super) fn learn(&mut self, documents: &[Arc<Document>]) {
        let mut old = std::mem::take(&mut self.0);
        let known = documents.iter().map(|document| {
            let place = Arc::as_ptr(document);
            let known = old.remove(&place);
            (
                place,
                known.unwrap_or_else(|| (Arc::clone(document), document.fingerprint())),
            )
        });
        self.0 = known.collect();
    }

    /// One number for what these say in this order; 0 for none.
    pub(super) fn of(&self, documents: &[Arc<Document>]) -> u64 {
        if documents.is_empty() {
            return 0;
        }
        // The books hold it, so the hash is one that stays.
        let mut hasher = fnv::FnvHasher::default();
        let numbers = documents
            .iter()
            .filter_map(|document| self.0.get(&Arc::as_ptr(document)));
        numbers.for_each(|(_, number)| hasher.write_u64(*number));
        hasher.finish()
    }
}
