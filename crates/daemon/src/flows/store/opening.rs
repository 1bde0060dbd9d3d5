//! Opens the file of flow records, and looks at what is in it.

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use cofferdam_api::Timestamp;
use redb::{Database, DatabaseError, ReadableTable, StorageError};

use super::{BLOCKS, Header, Held, StoreError, failed};

/// The file's own copy of what it read lately.
const CACHE: usize = 4 << 20;

/// Why a file was not opened.
pub(super) enum Opening {
    /// What is in it makes no sense.
    Broken(String),
    /// It cannot be used.
    Failed(redb::Error),
    /// Another program's.
    Version(u8),
}

impl Opening {
    pub(super) fn into_error(self, path: &Path) -> StoreError {
        match self {
            Self::Broken(why) => failed(path)(StorageError::Corrupted(why).into()),
            Self::Failed(error) => failed(path)(error),
            Self::Version(version) => StoreError::Version {
                path: path.to_owned(),
                version,
            },
        }
    }
}

/// Reads the file through: what is broken is noticed now and not in the middle of an answer.
pub(super) fn database(path: &Path) -> Result<Database, Opening> {
    let io = |error| Opening::Failed(StorageError::Io(error).into());
    // Who talks to whom is nobody else's business.
    let mut options = fs::OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600);
    options.open(path).map_err(io)?;
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
    // The crate checks what it reads, but promises not to panic for what it has not made.
    let opened = catch_unwind(AssertUnwindSafe(|| builder.create(path)));
    match opened {
        Ok(Ok(database)) => Ok(database),
        Ok(Err(DatabaseError::UpgradeRequired(version))) => Err(Opening::Version(version)),
        Ok(Err(DatabaseError::Storage(StorageError::Corrupted(why)))) => Err(Opening::Broken(why)),
        Ok(Err(DatabaseError::Storage(StorageError::Io(error))))
            if error.kind() == std::io::ErrorKind::InvalidData =>
        {
            Err(Opening::Broken(error.to_string()))
        }
        Ok(Err(error)) => Err(Opening::Failed(error.into())),
        Err(_) => Err(Opening::Broken("it makes no sense".to_owned())),
    }
}

/// What is in it, and the number of the last run.
pub(super) fn survey(database: &Database) -> Result<(Held, u64), redb::Error> {
    let transaction = database.begin_write()?;
    let (mut held, mut last) = (Held::default(), 0);
    {
        let table = transaction.open_table(BLOCKS)?;
        for entry in table.iter()? {
            let (place, bytes) = entry?;
            last = last.max(place.value().0);
            held.enter(bytes.value());
            if held.oldest.is_none() {
                let oldest = Header::read(bytes.value()).map(|header| i128::from(header.oldest));
                held.oldest = oldest.and_then(|oldest| Timestamp::from_nanosecond(oldest).ok());
            }
        }
    }
    transaction.commit()?;
    Ok((held, last))
}
