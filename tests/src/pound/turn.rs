//! Which policy is in force, told to those who try: a file beside their results, with one number that only grows.
//!
//! 0 is the first policy of a cycle, 1 the change to the second, 2 the second, and so on. Whoever reads it before and after
//! an attempt knows which policies may have judged it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

const NAME: &str = "turn";

/// The file.
pub struct Turn(File);

// === impl Turn ===

impl Turn {
    /// A new one in the folder of results: the first policy is in force.
    pub fn create(folder: &Path) -> io::Result<Self> {
        let turn = Self(File::create(folder.join(NAME))?);
        turn.set(0)?;
        Ok(turn)
    }

    /// The one in the folder, if somebody made one.
    pub fn open(folder: &Path) -> io::Result<Option<Self>> {
        match OpenOptions::new().read(true).open(folder.join(NAME)) {
            Ok(file) => Ok(Some(Self(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Says where the cycle is. One write of eight bytes: nobody reads half of it.
    pub fn set(&self, now: u64) -> io::Result<()> {
        self.0.write_all_at(&now.to_ne_bytes(), 0)
    }

    /// Where the cycle is.
    pub fn now(&self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.0.read_exact_at(&mut bytes, 0)?;
        Ok(u64::from_ne_bytes(bytes))
    }
}

/// The policies that may have judged what began and ended so.
pub(super) fn between(before: u64, after: u64) -> impl Iterator<Item = u64> {
    before / 2..=after.div_ceil(2)
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_attempt_during_a_change_has_the_old_and_the_new_policy() {
        let between = |before, after| super::between(before, after).collect::<Vec<_>>();
        assert_eq!(between(0, 0), [0]);
        assert_eq!(between(4, 4), [2]);
        assert_eq!(between(4, 5), [2, 3]);
        assert_eq!(between(5, 5), [2, 3]);
        assert_eq!(between(5, 6), [2, 3]);
        assert_eq!(between(6, 10), [3, 4, 5]);
    }
}
