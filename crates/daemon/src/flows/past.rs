//! Reads records that are in memory no more. For threads that may wait for a disk.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_api::{FlowQuery, FlowView};
use redb::Database;

use super::block::{self, Header, Numbered};
use super::keeper::{Phase, Shared};
use super::store::{self, Place};

/// How long an answer waits for records that are being written, or for a file that is being opened.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is in the store and not in an answer from memory.
#[derive(Debug)]
pub(crate) struct Past {
    shared: Arc<Shared>,
    /// The oldest record of this run that is in memory.
    before: u64,
}

/// A place to read from.
struct Reading {
    database: Arc<Database>,
    /// The first place that is not to be read.
    end: Place,
}

// === impl Past ===

impl Past {
    pub(super) fn new(shared: Arc<Shared>, before: u64) -> Self {
        Self { shared, before }
    }

    /// Gives the records that `query` wants to `take`, oldest first, at most the newest `limit` of them, until it has
    /// enough (`false`).
    pub(crate) fn read(
        &self,
        query: &FlowQuery,
        limit: Option<usize>,
        mut take: impl FnMut(Vec<FlowView>) -> bool,
    ) -> Result<(), String> {
        let phase = self.shared.wait_for(self.before, PATIENCE);
        let Phase::Open { database, run } = phase else {
            return Ok(());
        };
        let reading = Reading {
            database,
            end: (run, self.before),
        };
        reading
            .all(query, limit, &mut take)
            .map_err(|error| error.to_string())
    }
}

// === impl Reading ===

impl Reading {
    fn all(
        &self,
        query: &FlowQuery,
        limit: Option<usize>,
        take: &mut impl FnMut(Vec<FlowView>) -> bool,
    ) -> Result<(), redb::Error> {
        let (mut place, mut skip) = match limit {
            Some(limit) => self.start_of_last(query, limit)?,
            None => ((0, 0), 0),
        };
        while let Some((at, bytes)) = store::next(&self.database, place, self.end)? {
            let mut found = self.wanted(at, &bytes, query);
            let left_out = skip.min(found.len());
            skip -= left_out;
            found.drain(..left_out);
            if !found.is_empty() && !take(found.into_iter().map(|(_, flow)| flow).collect()) {
                return Ok(());
            }
            place = (at.0, at.1 + 1);
        }
        Ok(())
    }

    /// The block where the last `limit` records begin, and how many that are wanted lie before them in it.
    fn start_of_last(&self, query: &FlowQuery, limit: usize) -> Result<(Place, usize), redb::Error> {
        let (mut left, mut before) = (limit, self.end);
        while left > 0
            && let Some((at, bytes)) = store::previous(&self.database, before)?
        {
            let found = self.wanted(at, &bytes, query).len();
            if found >= left {
                return Ok((at, found - left));
            }
            left -= found;
            before = at;
        }
        Ok((if left == 0 { before } else { (0, 0) }, 0))
    }

    fn wanted(&self, at: Place, bytes: &[u8], query: &FlowQuery) -> Vec<Numbered> {
        let older = |header: &Header| {
            query
                .since
                .is_some_and(|since| i128::from(header.newest) < since.as_nanosecond())
        };
        if Header::read(bytes).as_ref().is_none_or(older) {
            return Vec::new();
        }
        let mut found = block::decode(bytes, at.1, query).unwrap_or_default();
        if at.0 == self.end.0 {
            found.retain(|(number, _)| *number < self.end.1);
        }
        found
    }
}
