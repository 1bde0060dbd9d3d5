//! One daemon per state folder and per folder of pins: two would give the same numbers different meanings.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use crate::Error;

/// Held as long as it lives; the kernel lets go when the process dies, however it dies.
pub(crate) struct Lock {
    _state: File,
    _pins: File,
}

// === impl Lock ===

impl Lock {
    /// Takes both, or says who has one. The folders must exist.
    pub(crate) fn take(state_dir: &Path, bpffs: &Path) -> Result<Self, Error> {
        let path = state_dir.join("lock");
        let mut state = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(Error::io("open", &path))?;
        try_lock(&state, &path, || holder(&path))?;
        // A folder of bpffs takes no files, but a lock it takes.
        let pins = File::open(bpffs).map_err(Error::io("open", bpffs))?;
        try_lock(&pins, bpffs, || None)?;
        let written = state
            .set_len(0)
            .and_then(|()| writeln!(state, "{}", std::process::id()));
        written.map_err(Error::io("write", &path))?;
        Ok(Self {
            _state: state,
            _pins: pins,
        })
    }
}

fn try_lock(file: &File, path: &Path, holder: impl FnOnce() -> Option<u32>) -> Result<(), Error> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(Error::Locked {
            path: path.to_owned(),
            pid: holder(),
        }),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", path)(error)),
    }
}

fn holder(path: &Path) -> Option<u32> {
    let mut text = String::new();
    File::open(path).ok()?.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    //! A second daemon is told who is first.

    use super::Lock;

    #[test]
    fn the_second_is_refused_until_the_first_is_gone() {
        let (state, pins) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = Lock::take(state.path(), pins.path()).unwrap();
        let refusal = Lock::take(state.path(), pins.path()).err().unwrap().to_string();
        assert!(
            refusal.contains(&format!("(pid {})", std::process::id())),
            "{refusal}"
        );
        let other = tempfile::tempdir().unwrap();
        let refusal = Lock::take(other.path(), pins.path()).err().unwrap().to_string();
        assert!(
            refusal.contains("already uses") && !refusal.contains("pid"),
            "{refusal}"
        );
        drop(first);
        assert!(Lock::take(state.path(), pins.path()).is_ok());
    }
}
