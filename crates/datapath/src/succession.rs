//! How all subjects of a change get their new policy in one instant.
//!
//! The rows of the new subjects are there, and `successors` says which takes the place of which. From one write on every
//! verdict is by the new ones, for both ends of a flow, whatever its entries say. Those are rewritten at leisure; then nobody
//! asks for successors any more, and the old rows may go.

use std::collections::{HashMap, HashSet};
use std::{thread, time::Duration};

use libbpf_rs::{MapCore, MapFlags};

use crate::abi::{bytes, read, types};
use crate::{Datapath, Error, Result, batch};

/// Longer than any program runs, where the kernel does not tell when all have ended.
const LONG: Duration = Duration::from_millis(50);

// === impl Datapath ===

impl Datapath {
    /// From now on every first subject is judged as the second, all at once. [`Datapath::follow`] rewrites the entries, and then
    /// [`Datapath::end_succession`] ends it.
    ///
    /// # Errors
    /// [`Error::Map`] when there are too many; nothing has changed then.
    pub fn succeed(&mut self, changes: &[(u32, u32)]) -> Result<()> {
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for (old, new) in changes {
            keys.extend_from_slice(bytes(old));
            values.extend_from_slice(bytes(new));
        }
        if let Err(source) = batch::write(&self.skel.maps.successors, &keys, &values) {
            self.forget_successors()?;
            return Err(Error::map("successors", "write")(source));
        }
        self.look_up_addresses(changes)?;
        let mut epochs = self.epochs()?;
        epochs.succession = 1;
        epochs.policy = epochs.policy.wrapping_add(1);
        self.write_epochs(&epochs)
    }

    /// Rewrites the entries of all that have successors, whoever they are.
    ///
    /// # Errors
    /// [`Error::Map`]: some are rewritten, others not.
    pub fn follow(&mut self, changes: &[(u32, u32)]) -> Result<()> {
        let next: HashMap<u32, u32> = changes.iter().copied().collect();
        // Twice: what was made below an entry meanwhile has inherited the old one.
        for _ in 0..2 {
            self.change_entries(|entry| {
                let Some(next) = next.get(&entry.subject) else {
                    return false;
                };
                entry.subject = *next;
                let asks = types::entry_flag::ENTRY_BY_ADDRESS.0;
                entry.flags &= !asks;
                entry.flags |= asks * u32::from(self.by_address.contains(next));
                true
            })?;
        }
        self.new_epoch()
    }

    /// Ends the succession, if there is one. Old rows may go.
    pub fn end_succession(&mut self, _: Passed) -> Result<()> {
        let mut epochs = self.epochs()?;
        if epochs.succession == 0 {
            return Ok(());
        }
        epochs.succession = 0;
        self.write_epochs(&epochs)?;
        self.forget_successors()
    }

    /// An earlier daemon died in the middle of it.
    pub(crate) fn finish_succession(&mut self) -> Result<()> {
        if self.epochs()?.succession == 0 {
            return self.forget_successors();
        }
        let mut successors: Vec<(u32, u32)> = Vec::new();
        batch::read(&self.skel.maps.successors, |key, value| {
            successors.extend(read::<u32>(key).zip(read::<u32>(value)));
        })
        .map_err(Error::map("successors", "read"))?;
        // Whether they ask for addresses is found out with the rows, later.
        self.by_address.extend(successors.iter().map(|(_, next)| *next));
        self.follow(&successors)?;
        self.end_succession(Passed::now())
    }

    /// Where only the new subject wants to know its peers' addresses, the programs look them up from now on.
    fn look_up_addresses(&mut self, changes: &[(u32, u32)]) -> Result<()> {
        let asks = |subject| self.by_address.contains(subject);
        let asking = changes.iter().filter(|(old, new)| asks(new) && !asks(old));
        let asking: HashSet<u32> = asking.map(|(old, _)| *old).collect();
        if asking.is_empty() {
            return Ok(());
        }
        self.change_entries(|entry| {
            let asks = asking.contains(&entry.subject);
            entry.flags |= types::entry_flag::ENTRY_BY_ADDRESS.0 * u32::from(asks);
            asks
        })?;
        // What is made below from now on inherits it.
        self.by_address.extend(asking);
        let _: Passed = Passed::now();
        Ok(())
    }

    /// Rewrites those entries of cgroups and owners for which `change` returns `true`.
    fn change_entries(&self, mut change: impl FnMut(&mut types::entry) -> bool) -> Result<()> {
        let maps = &self.skel.maps;
        for (name, map) in [("entries", &maps.entries), ("owners", &maps.owners)] {
            let mut changed = Vec::new();
            batch::read(map, |key, value| {
                let Some(mut entry) = read::<types::entry>(value) else {
                    return;
                };
                if change(&mut entry) {
                    changed.push((key.to_vec(), entry));
                }
            })
            .map_err(Error::map(name, "read"))?;
            for (key, entry) in changed {
                // A cgroup that went meanwhile must not come back.
                match map.update(&key, bytes(&entry), MapFlags::EXIST) {
                    Err(error) if error.kind() == libbpf_rs::ErrorKind::NotFound => {}
                    done => done.map_err(Error::map(name, "write"))?,
                }
            }
        }
        Ok(())
    }

    fn forget_successors(&self) -> Result<()> {
        let map = &self.skel.maps.successors;
        let mut keys = Vec::new();
        batch::read(map, |key, _| keys.extend_from_slice(key)).map_err(Error::map("successors", "read"))?;
        batch::remove(map, &keys).map_err(Error::map("successors", "remove"))
    }
}

/// Proof that no program runs any more that has read anything else than what was written before.
#[derive(Debug)]
pub struct Passed(());

// === impl Passed ===

impl Passed {
    /// Every program runs inside an RCU read section, and this waits until all that have begun are over: often longer than all
    /// else that a change takes, so whoever is in a hurry has it done by another thread.
    #[must_use]
    pub fn now() -> Self {
        const MEMBARRIER_CMD_GLOBAL: i32 = 1;
        // SAFETY: takes two numbers and touches no memory of ours.
        let done = unsafe { nix::libc::syscall(nix::libc::SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) };
        if done != 0 {
            // Refused with `nohz_full`.
            thread::sleep(LONG);
        }
        Self(())
    }
}
