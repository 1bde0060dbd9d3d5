//! Flow records as they come, from a daemon or a file, equal ones as one.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use cofferdam_api::{Class, FlowRecords, FlowView, NoRecord, Timestamp};

use crate::failure::Failure;

/// Records that say the same, as one: a week of them would not fit into memory.
#[derive(Default)]
pub(super) struct Records(BTreeMap<String, Record>);

/// A flow record, and when the first like it was.
pub(super) struct Record {
    pub(super) flow: FlowView,
    pub(super) first: Timestamp,
}

// === impl Records ===

impl Records {
    /// One more. Where it came from matters only of those who have no name.
    pub(super) fn add(&mut self, flow: FlowView) {
        let source = flow
            .source
            .filter(|_| flow.from.name.is_none())
            .map(|source| source.ip());
        let comm = flow.comm.as_ref().filter(|_| flow.from.class == Class::Host);
        let ends = (&flow.from, &flow.to, source, comm);
        let what = (&flow.protocol, flow.destination, flow.inner_port, &flow.hook);
        let verdict = (flow.verdict, flow.mode, &flow.reason);
        // Types of the wire always have a text.
        let key = serde_json::to_string(&(ends, what, verdict)).unwrap_or_default();
        match self.0.entry(key) {
            Entry::Vacant(place) => {
                let first = flow.start.unwrap_or(flow.time);
                place.insert(Record { flow, first });
            }
            Entry::Occupied(mut place) => {
                let known = place.get_mut();
                known.first = known.first.min(flow.start.unwrap_or(flow.time));
                known.flow.time = known.flow.time.max(flow.time);
                known.flow.repeats += flow.repeats;
            }
        }
    }

    /// The records alone.
    pub(super) fn into_flows(self) -> impl Iterator<Item = FlowView> {
        self.0.into_values().map(|record| record.flow)
    }

    /// All of them, in the order of their first.
    pub(super) fn all(&self) -> Vec<&Record> {
        let mut all: Vec<&Record> = self.0.values().collect();
        all.sort_by_key(|record| record.first);
        all
    }
}

/// What `cofferdam flows --json` printed: one answer, or with `-f` a record a line.
pub(super) fn from_file(path: &Path, mut take: impl FnMut(FlowView)) -> Result<(), Failure> {
    const PIECE: usize = 1 << 16;
    let cannot = |error: io::Error| Failure::new(format!("cannot read {}: {error}", path.display()));
    let wrong = |NoRecord { line, what }: NoRecord| {
        Failure::new(format!("{}:{line}: no flow record: {what}", path.display()))
            .hint("give what `cofferdam flows --limit 0 --json` printed, or `cofferdam flows -f --json`")
    };
    let mut file = File::open(path).map_err(cannot)?;
    let (mut records, mut piece) = (FlowRecords::default(), vec![0; PIECE]);
    loop {
        let length = file.read(&mut piece).map_err(cannot)?;
        if length == 0 {
            return records.end().map_err(wrong);
        }
        let read = piece.get(..length).unwrap_or_default();
        records.read(read, &mut take).map_err(wrong)?;
    }
}
