//! The secrets that sign handshakes, by epoch.
//!
//! A handshake says under which epoch it was signed, so an old key stays good until everything that it signed has
//! arrived; then it is forgotten. A segment is signed each time it leaves, retransmissions too.

use std::fs::File;
use std::io::Read;
use std::time::Duration;

use libbpf_rs::{MapCore, MapFlags};

use crate::abi::{bytes, read, types};
use crate::load::boot_time;
use crate::{Datapath, Error, Result};

#[cfg(test)]
mod tests;

const EPOCHS: u32 = types::wire::WIRE_EPOCHS.0;

/// Least time between two rotations. There is room for the fourteen keys before the one that signs, so none of them goes
/// before fourteen seconds are over: longer than any segment is on its way.
pub const KEY_DISTANCE: Duration = Duration::from_secs(1);

/// How long a key stays good after it has ceased to sign, if there is room for it.
pub const KEY_LIFE: Duration = Duration::from_secs(60);

/// When which key ceased to sign; nanoseconds since boot.
#[derive(Debug, Default)]
pub(crate) struct Times {
    rotated: u64,
    ended: [Option<u64>; EPOCHS as usize],
}

// === impl Datapath ===

impl Datapath {
    /// Number of the key that signs, `0..16`; it counts up and around.
    pub fn key_epoch(&self) -> Result<u32> {
        Ok(self.epochs()?.key)
    }

    /// Signs with a new random key from now on. The keys before stay good for what is under way, until
    /// [`Datapath::forget_keys`] or until their room is needed.
    ///
    /// # Errors
    /// [`Error::TooSoon`] within [`KEY_DISTANCE`] of the last rotation or of the start. The system has no randomness, or a
    /// map cannot be written; the old key signs on then.
    pub fn rotate_key(&mut self) -> Result<u32> {
        let now = boot_time();
        if now < self.keys.rotated + nanoseconds(KEY_DISTANCE) {
            return Err(Error::TooSoon);
        }
        let mut epochs = self.epochs()?;
        let (old, next) = (epochs.key, (epochs.key + 1) % EPOCHS);
        self.write_secret(next, &random_secret()?)?;
        epochs.key = next;
        self.write_epochs(&epochs)?;
        self.keys.rotate(old, now);
        self.write_secret((next + 1) % EPOCHS, &types::secret::default())?;
        Ok(next)
    }

    /// Forgets the keys that have not signed for [`KEY_LIFE`]; how many. Call it at least every minute.
    pub fn forget_keys(&mut self) -> Result<usize> {
        let over = self.keys.over(boot_time());
        for epoch in &over {
            self.write_secret(*epoch, &types::secret::default())?;
            self.keys.ended[*epoch as usize] = None;
        }
        Ok(over.len())
    }

    /// Makes a key unless an earlier daemon left one. When that one ceased to use those before is not known: they count
    /// from now.
    pub(crate) fn ensure_key(&mut self) -> Result<()> {
        let epoch = self.key_epoch()?;
        let found = self.skel.maps.secrets.lookup(bytes(&epoch), MapFlags::ANY);
        let found: types::secret = found
            .map_err(Error::map("secrets", "read"))?
            .and_then(|b| read(&b))
            .unwrap_or_default();
        if found.low | found.high == 0 {
            self.write_secret(epoch, &random_secret()?)?;
        }
        self.keys = Times::from_start(epoch, boot_time());
        Ok(())
    }

    fn write_secret(&mut self, epoch: u32, secret: &types::secret) -> Result<()> {
        let done = self
            .skel
            .maps
            .secrets
            .update(bytes(&epoch), bytes(secret), MapFlags::ANY);
        done.map_err(Error::map("secrets", "write"))
    }
}

// === impl Times ===

impl Times {
    fn from_start(current: u32, now: u64) -> Self {
        let mut ended = [Some(now); EPOCHS as usize];
        ended[current as usize] = None;
        Self { rotated: now, ended }
    }

    fn rotate(&mut self, old: u32, now: u64) {
        self.rotated = now;
        self.ended[old as usize] = Some(now);
        // The one that signs now, and the one whose room is next.
        self.ended[((old + 1) % EPOCHS) as usize] = None;
        self.ended[((old + 2) % EPOCHS) as usize] = None;
    }

    fn over(&self, now: u64) -> Vec<u32> {
        let life = nanoseconds(KEY_LIFE);
        (0..EPOCHS)
            .zip(self.ended)
            .filter_map(|(epoch, ended)| ended.is_some_and(|at| now >= at + life).then_some(epoch))
            .collect()
    }
}

fn nanoseconds(time: Duration) -> u64 {
    time.as_secs() * 1_000_000_000 + u64::from(time.subsec_nanos())
}

fn random_secret() -> Result<types::secret> {
    let mut random = [0_u8; size_of::<types::secret>()];
    let path = "/dev/urandom";
    File::open(path)
        .and_then(|mut f| f.read_exact(&mut random))
        .map_err(Error::file("read", path))?;
    Ok(read(&random).unwrap_or_default())
}
