//! The file of flow records: blocks in the order in which they were made, the oldest dropped by age and by size.
//!
//! A batch is one transaction: after a crash the file holds it whole or not at all. Who writes and when: `keeper`; who
//! reads: `past`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cofferdam_api::{FlowQuery, FlowView, Timestamp, Totals};
use redb::{Database, ReadableDatabase, ReadableTable, StorageError, TableDefinition};

use super::block::{self, Header, Numbered};

mod opening;
#[cfg(test)]
mod tests;

use opening::{Opening, database, survey};

/// Run of the daemon, number of the first record → block.
pub(super) type Place = (u64, u64);
pub(super) const BLOCKS: TableDefinition<'static, Place, &'static [u8]> = TableDefinition::new("blocks");

/// Records of a block: what a second writes again when one more comes, and what a query reads at least.
const BLOCK: usize = 256;
/// What the tree needs for each block besides its bytes.
const OVERHEAD: u64 = 64;
/// The file's unit.
const PAGE: u64 = 4096;

/// What becomes of a record.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// It is new, or another one.
    Record(Box<FlowView>),
    /// Some of its connections have ended since.
    Ended(Totals),
}

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// How long.
    pub(crate) age: Duration,
    /// The length that the file does not pass.
    pub(crate) size: u64,
}

/// Why nothing is kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    /// The file is a newer program's.
    #[error("{} is of another version ({version})", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u8,
    },
    /// The file cannot be used.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: redb::Error,
    },
    /// A record cannot be written.
    #[error("a record cannot be written: {0}")]
    Record(#[from] postcard::Error),
}

/// What the file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// Records.
    pub(super) count: u64,
    /// Time of the oldest.
    pub(super) oldest: Option<Timestamp>,
    /// What the blocks take.
    taken: u64,
}

/// The open file, and its one writer.
pub(super) struct Store {
    path: PathBuf,
    database: Arc<Database>,
    run: u64,
    held: Held,
    /// The newest block, which the next records are added to.
    tail: Vec<Numbered>,
}

// === impl Store ===

impl Store {
    /// Opens the file, or makes it. One that is broken is put aside, which the second value says. `run`: this process had it
    /// open before, and goes on where it was.
    pub(super) fn open(path: &Path, run: Option<u64>) -> Result<(Self, Option<String>), StoreError> {
        let (database, aside) = match database(path) {
            Err(Opening::Broken(why)) => {
                let aside = path.with_extension("broken");
                fs::rename(path, &aside).map_err(|error| failed(path)(StorageError::Io(error).into()))?;
                let said = format!(
                    "{} was broken ({why}) and lies aside as {}",
                    path.display(),
                    aside.display()
                );
                let database = database(path).map_err(|error| error.into_error(path))?;
                (database, Some(said))
            }
            opened => (opened.map_err(|error| error.into_error(path))?, None),
        };
        let (held, last) = survey(&database).map_err(failed(path))?;
        let run = run.unwrap_or(last + 1);
        let newest = previous(&database, (run, u64::MAX)).map_err(failed(path))?;
        let tail = newest
            .filter(|(place, _)| place.0 == run)
            .and_then(|(place, bytes)| block::decode(&bytes, place.1, &FlowQuery::default()));
        let store = Self {
            path: path.to_owned(),
            database: Arc::new(database),
            run,
            held,
            tail: tail.unwrap_or_default(),
        };
        Ok((store, aside))
    }

    /// For readers.
    pub(super) fn database(&self) -> Arc<Database> {
        Arc::clone(&self.database)
    }

    /// The number of this run: 1 in a new file.
    pub(super) fn run(&self) -> u64 {
        self.run
    }

    /// What is in it.
    pub(super) fn held(&self) -> Held {
        self.held
    }

    /// Adds records, or replaces those that have the same numbers, in the order of these; then drops what is too old or
    /// too much. All of it or, with an error, nothing.
    pub(super) fn write(&mut self, records: Vec<(u64, Change)>, limits: Limits) -> Result<(), StoreError> {
        let (mut held, mut tail) = (self.held, self.tail.clone());
        let path = self.path.clone();
        let failed = failed(&path);
        let transaction = self
            .database
            .begin_write()
            .map_err(|error| failed(error.into()))?;
        {
            let table = transaction
                .open_table(BLOCKS)
                .map_err(|error| failed(error.into()))?;
            let mut blocks = Blocks {
                table,
                run: self.run,
                held: &mut held,
            };
            blocks.add(&mut tail, records).map_err(|error| error.at(&path))?;
            blocks.trim(limits).map_err(|error| failed(error.into()))?;
        }
        transaction.commit().map_err(|error| failed(error.into()))?;
        // The last block goes after all others, and does not come back with the next record.
        if held.count == 0 {
            tail.clear();
        }
        (self.held, self.tail) = (held, tail);
        Ok(())
    }
}

// === inside a transaction ===

struct Blocks<'txn, 'held> {
    table: redb::Table<'txn, Place, &'static [u8]>,
    run: u64,
    held: &'held mut Held,
}

enum Adding {
    Storage(StorageError),
    Record(postcard::Error),
}

impl Blocks<'_, '_> {
    fn add(&mut self, tail: &mut Vec<Numbered>, records: Vec<(u64, Change)>) -> Result<(), Adding> {
        let mut tail_changed = false;
        let mut older: Vec<(u64, Change)> = Vec::new();
        for (number, change) in records {
            let first = tail.first().map(|(first, _)| *first);
            match tail.binary_search_by_key(&number, |(number, _)| *number) {
                Ok(index) => change.make(&mut tail[index].1),
                Err(_) if first.is_some_and(|first| number < first) => {
                    older.push((number, change));
                    continue;
                }
                Err(index) => {
                    // Of a record that was lost nothing more is kept.
                    let Change::Record(flow) = change else { continue };
                    if index == tail.len() && index >= BLOCK {
                        self.put(tail)?;
                        tail.clear();
                    }
                    tail.insert(index.min(tail.len()), (number, *flow));
                }
            }
            tail_changed = true;
        }
        if tail_changed {
            self.put(tail)?;
        }
        self.replace(older)
    }

    /// Records of blocks that are full: each of those blocks is read and written once.
    fn replace(&mut self, records: Vec<(u64, Change)>) -> Result<(), Adding> {
        let mut records = records.into_iter().peekable();
        while let Some((number, _)) = records.peek() {
            let found = {
                let mut before = self.table.range((self.run, 0)..=(self.run, *number))?;
                before.next_back().transpose()?.and_then(|(place, bytes)| {
                    block::decode(bytes.value(), place.value().1, &FlowQuery::default())
                })
            };
            // Dropped already, with all that were made before it.
            let Some(mut block) = found else {
                records.next();
                continue;
            };
            let last = block.last().map_or(0, |(last, _)| *last).max(*number);
            while let Some((number, change)) = records.next_if(|(number, _)| *number <= last) {
                if let Ok(index) = block.binary_search_by_key(&number, |(number, _)| *number) {
                    change.make(&mut block[index].1);
                }
            }
            self.put(&block)?;
        }
        Ok(())
    }

    fn put(&mut self, records: &[Numbered]) -> Result<(), Adding> {
        let Some((first, _)) = records.first() else {
            return Ok(());
        };
        let bytes = block::encode(records).map_err(Adding::Record)?;
        let before = self.table.insert((self.run, *first), bytes.as_slice())?;
        let before = before.map(|before| before.value().to_vec());
        if let Some(before) = before {
            self.held.leave(&before);
        }
        self.held.enter(&bytes);
        Ok(())
    }

    fn trim(&mut self, limits: Limits) -> Result<(), StorageError> {
        let age = i128::try_from(limits.age.as_nanos()).unwrap_or(i128::MAX);
        let cut = Timestamp::now().as_nanosecond() - age;
        // The file doubles where it grows, and a transaction needs room beside what it replaces.
        let most = limits.size / 5 * 2;
        loop {
            let first = self.table.first()?;
            let header = first.as_ref().and_then(|(_, bytes)| Header::read(bytes.value()));
            let some = first.is_some();
            drop(first);
            let old = header.is_none_or(|header| i128::from(header.newest) < cut);
            if !some || !(old || self.held.taken > most) {
                let oldest = header.map(|header| i128::from(header.oldest));
                self.held.oldest = oldest.and_then(|oldest| Timestamp::from_nanosecond(oldest).ok());
                return Ok(());
            }
            if let Some((_, bytes)) = self.table.pop_first()? {
                self.held.leave(bytes.value());
            }
        }
    }
}

impl Change {
    fn make(self, flow: &mut FlowView) {
        match self {
            Self::Record(new) => *flow = *new,
            Self::Ended(more) => {
                let before = flow.totals.unwrap_or_default();
                flow.totals = Some(before.and(&more, flow.start.unwrap_or(flow.time)));
            }
        }
    }
}

impl From<StorageError> for Adding {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl Adding {
    fn at(self, path: &Path) -> StoreError {
        match self {
            Self::Storage(error) => failed(path)(error.into()),
            Self::Record(error) => error.into(),
        }
    }
}

// === impl Held ===

impl Held {
    fn enter(&mut self, bytes: &[u8]) {
        self.count += count(bytes);
        self.taken += taken(bytes);
    }

    fn leave(&mut self, bytes: &[u8]) {
        self.count = self.count.saturating_sub(count(bytes));
        self.taken = self.taken.saturating_sub(taken(bytes));
    }
}

fn count(bytes: &[u8]) -> u64 {
    Header::read(bytes).map_or(0, |header| header.count.into())
}

/// The tree keeps a large value in pages whose number is a power of two.
fn taken(bytes: &[u8]) -> u64 {
    let length = bytes.len() as u64 + OVERHEAD;
    if length < PAGE / 2 {
        length
    } else {
        length.next_power_of_two().max(PAGE)
    }
}

fn failed(path: &Path) -> impl Fn(redb::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::File {
        path: path.clone(),
        source,
    }
}

/// The first block from this place on: for readers, who hold no transaction between two blocks.
pub(super) fn next(
    database: &Database,
    from: Place,
    before: Place,
) -> Result<Option<(Place, Vec<u8>)>, redb::Error> {
    let transaction = database.begin_read()?;
    let table = transaction.open_table(BLOCKS)?;
    let found = table.range(from..before)?.next().transpose()?;
    Ok(found.map(|(place, bytes)| (place.value(), bytes.value().to_vec())))
}

/// The last block before this place.
pub(super) fn previous(database: &Database, before: Place) -> Result<Option<(Place, Vec<u8>)>, redb::Error> {
    let transaction = database.begin_read()?;
    let table = transaction.open_table(BLOCKS)?;
    let found = table.range((0, 0)..before)?.next_back().transpose()?;
    Ok(found.map(|(place, bytes)| (place.value(), bytes.value().to_vec())))
}
