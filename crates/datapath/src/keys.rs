//! The secrets that sign handshakes, by epoch.
//!
//! A handshake says under which epoch it was signed, so the old key stays good until everything that was begun under it
//! is over; only then its room is given to a new one.

use std::fs::File;
use std::io::Read;

use libbpf_rs::{MapCore, MapFlags};

use crate::abi::{bytes, read, types};
use crate::{Datapath, Error, Result};

const EPOCHS: u32 = types::wire::WIRE_EPOCHS.0;

// === impl Datapath ===

impl Datapath {
    /// Number of the key that signs, `0..16`; it counts up and around.
    pub fn key_epoch(&self) -> Result<u32> {
        Ok(self.epochs()?.key)
    }

    /// Signs with a new random key from now on. Handshakes under the keys before stay good, except under the oldest of
    /// sixteen, whose room the next key will take.
    ///
    /// # Errors
    /// The system has no randomness, or a map cannot be written; the old key signs on then.
    pub fn rotate_key(&mut self) -> Result<u32> {
        let mut epochs = self.epochs()?;
        let next = (epochs.key + 1) % EPOCHS;
        self.write_secret(next, &random_secret()?)?;
        epochs.key = next;
        self.write_epochs(&epochs)?;
        self.write_secret((next + 1) % EPOCHS, &types::secret::default())?;
        Ok(next)
    }

    /// Makes a key unless an earlier daemon left one.
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

fn random_secret() -> Result<types::secret> {
    let mut random = [0_u8; size_of::<types::secret>()];
    let path = "/dev/urandom";
    File::open(path)
        .and_then(|mut f| f.read_exact(&mut random))
        .map_err(Error::file("read", path))?;
    Ok(read(&random).unwrap_or_default())
}
