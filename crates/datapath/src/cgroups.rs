//! Which cgroup is which workload: announcements, bindings, watched parents and the packet hooks on them.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cofferdam_policy::Peer;
use libbpf_rs::{MapCore, MapFlags};

use crate::abi::{bytes, read, types};
use crate::features::{SOCKET_PROGRAM, UNIX_LSM_PROGRAMS, is_wanted};
use crate::load::boot_time;
use crate::{Datapath, Error, Result};

/// What runs in a cgroup, as the kernel knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Number of the workload, not 0.
    pub workload: u32,
    /// What its peers see.
    pub identity: Peer,
    /// Whose compiled policy applies.
    pub subject: u32,
    /// Denials are only recorded.
    pub observe: bool,
    /// Something is declared of what it may take of the host's network; see [`crate::Contained`].
    pub contained: bool,
    /// Some of its ports are really others.
    pub moved: bool,
    /// It is on the host's network.
    pub on_host: bool,
}

/// What guards a subtree with protected workloads. The directory and the handshake come before the filters, so that
/// nothing listens or leaves unsigned that a filter would miss.
pub(crate) const SUBTREE_PROGRAMS: [&str; 10] = [
    "on_create",
    "on_bind4",
    "on_bind6",
    "on_bound4",
    "on_bound6",
    "on_release",
    "on_setsockopt",
    "on_handshake",
    "on_egress",
    "on_ingress",
];

/// What answers for the sockets of who has a loopback or ports of its own. Only where there is such a one: it runs on each
/// accept and each datagram.
const SHOWING_PROGRAMS: [&str; 6] = [
    "on_sockname4",
    "on_sockname6",
    "on_peername4",
    "on_peername6",
    "on_recvmsg4",
    "on_recvmsg6",
];

fn lsm_programs() -> impl Iterator<Item = &'static str> {
    let wanted = [SOCKET_PROGRAM].into_iter().chain(UNIX_LSM_PROGRAMS);
    wanted.filter(|name| is_wanted(name) == Some(true))
}

/// The packet hooks of one folder.
pub(crate) struct Hooked {
    pub(crate) id: u64,
    /// Its sockets are told of loopbacks and ports as their workload knows them.
    shows: bool,
    /// What keeps them: as descriptors they would be more than a process may have open, with some thousand folders.
    pub(crate) pins: Vec<PathBuf>,
}

/// How often folders that were removed are looked for: with thousands a look at each bind would take minutes.
const SWEEP: Duration = Duration::from_secs(1);

// === impl Datapath ===

impl Datapath {
    /// The cgroup that will be made for this container gets `entry` at once, before anything can run in it.
    ///
    /// # Errors
    /// [`Error::ContainerId`]; [`Error::Map`] when the map is full.
    pub fn announce(&mut self, container_id: &str, entry: &Entry) -> Result<()> {
        let key = container_key(container_id)?;
        let map = &self.skel.maps.announcements;
        let old: Option<types::announcement> = map
            .lookup(bytes(&key), MapFlags::ANY)
            .map_err(Error::map("announcements", "read"))?
            .and_then(|b| read(&b));
        let value = types::announcement {
            entry: self.abi_entry(entry, 0),
            cgroup: old.map_or(0, |o| o.cgroup),
        };
        map.update(bytes(&key), bytes(&value), MapFlags::ANY)
            .map_err(Error::map("announcements", "write"))
    }

    /// Forgets an announcement; the container's cgroup, if it exists, keeps its entry.
    pub fn withdraw(&mut self, container_id: &str) -> Result<()> {
        let key = container_key(container_id)?;
        ignore_absent(self.skel.maps.announcements.delete(bytes(&key)))
            .map_err(Error::map("announcements", "remove"))
    }

    /// New container cgroups below `dir` are bound to their announcement or pending. The folder gets the packet hooks
    /// itself, a systemd slice that services share too: a container that starts while the daemon is dead or busy would
    /// else be open to the LAN (measured: a connection after 0.14 ms). What is not protected there pays for one look-up
    /// a SYN or datagram. Only the root of all cgroups is left out.
    pub fn watch_parent(&mut self, dir: &Path) -> Result<()> {
        fs::create_dir_all(dir).map_err(Error::file("create", dir))?;
        let id = cgroup_id(dir)?;
        let mut flags = 0;
        if dir != self.settings.cgroup_root {
            self.hook(dir)?;
            flags = types::entry_flag::ENTRY_HOOKED.0;
        }
        self.skel
            .maps
            .watched_parents
            .update(bytes(&id), bytes(&flags), MapFlags::ANY)
            .map_err(Error::map("watched_parents", "write"))
    }

    /// Makes the existing cgroup `dir`, and all below it, the workload `entry`; or changes what it is.
    pub fn bind(&mut self, dir: &Path, entry: &Entry) -> Result<()> {
        self.hook(dir)?;
        let value = self.abi_entry(entry, types::entry_flag::ENTRY_HOOKED.0);
        self.write_entries(dir, &value)?;
        self.new_epoch()
    }

    /// `dir` and all below become strangers. A folder that is gone is fine.
    pub fn unbind(&mut self, dir: &Path) -> Result<()> {
        let mut failed = None;
        each_below(dir, &mut |below| {
            if let Ok(id) = cgroup_id(below) {
                failed = ignore_absent(self.skel.maps.entries.delete(bytes(&id)))
                    .err()
                    .or(failed.take());
            }
        });
        if let Some(source) = failed {
            return Err(Error::map("entries", "remove")(source));
        }
        if let Ok(id) = cgroup_id(dir)
            && !self.is_watched(id)?
        {
            self.unhook(dir, |hooked| hooked == id);
        }
        self.new_epoch()
    }

    /// Every cgroup that has an entry. Pending ones have workload 0 and subject 0.
    pub fn entries(&self) -> Result<Vec<(u64, Entry)>> {
        let map = &self.skel.maps.entries;
        let mut found = Vec::new();
        for key in map.keys() {
            let Some(id) = read::<u64>(&key) else { continue };
            let value = map
                .lookup(&key, MapFlags::ANY)
                .map_err(Error::map("entries", "read"))?;
            if let Some(e) = value.and_then(|b| read::<types::entry>(&b)) {
                found.push((id, entry_back(&e)));
            }
        }
        Ok(found)
    }

    /// Whatever is bound or announced as one of these workloads is a stranger from now on. Returns how many cgroups were.
    pub fn forget_workloads(&mut self, workloads: &BTreeSet<u32>) -> Result<usize> {
        let maps = &self.skel.maps;
        for key in maps.announcements.keys().collect::<Vec<_>>() {
            let value = maps.announcements.lookup(&key, MapFlags::ANY);
            let value = value.map_err(Error::map("announcements", "read"))?;
            let announced = value.and_then(|b| read::<types::announcement>(&b));
            if announced.is_some_and(|a| workloads.contains(&a.entry.workload)) {
                ignore_absent(maps.announcements.delete(&key))
                    .map_err(Error::map("announcements", "remove"))?;
            }
        }
        let mut forgotten = 0;
        for (id, entry) in self.entries()? {
            if workloads.contains(&entry.workload) {
                ignore_absent(self.skel.maps.entries.delete(bytes(&id)))
                    .map_err(Error::map("entries", "remove"))?;
                forgotten += 1;
            }
        }
        Ok(forgotten)
    }

    /// What the programs are told about a workload.
    pub(crate) fn abi_entry(&self, entry: &Entry, flags: u32) -> types::entry {
        use types::entry_flag as flag;
        let facts = [
            (entry.observe, flag::ENTRY_OBSERVE),
            (self.by_address.contains(&entry.subject), flag::ENTRY_BY_ADDRESS),
            (entry.contained, flag::ENTRY_CONTAINED),
            (entry.moved, flag::ENTRY_MOVED),
            (entry.on_host, flag::ENTRY_ON_HOST),
        ];
        let facts = facts.iter().filter(|(holds, _)| *holds);
        types::entry {
            workload: entry.workload,
            identity: entry.identity.0,
            subject: entry.subject,
            flags: facts.fold(flags, |all, (_, one)| all | one.0),
            since: boot_time(),
        }
    }

    fn is_watched(&self, cgroup: u64) -> Result<bool> {
        let found = self
            .skel
            .maps
            .watched_parents
            .lookup(bytes(&cgroup), MapFlags::ANY);
        Ok(found.map_err(Error::map("watched_parents", "read"))?.is_some())
    }

    /// Attaches the packet hooks unless this folder or one above has them. A folder that was removed and made again has
    /// lost its programs although the path is the same: the id tells. The pins of dead links go with it.
    fn hook(&mut self, dir: &Path) -> Result<()> {
        self.sweep();
        for folder in dir.ancestors() {
            let removed = |hooked| !cgroup_id(folder).is_ok_and(|now| now == hooked);
            if self.hooked.contains_key(folder) && !self.unhook(folder, removed) {
                return Ok(());
            }
        }
        let id = cgroup_id(dir)?;
        let showing = SHOWING_PROGRAMS.into_iter().filter(|_| self.shows);
        let programs: Vec<_> = SUBTREE_PROGRAMS.into_iter().chain(showing).collect();
        let mut pins = self.attach_all(&programs, dir)?;
        // Without them kinds of sockets are open, as where there is no LSM: no reason to leave everything else open.
        let lsm: Vec<_> = lsm_programs().filter(|_| !self.without_lsm).collect();
        match self.attach_all(&lsm, dir) {
            Ok(more) => pins.extend(more),
            Err(_) => self.without_lsm = true,
        }
        let shows = self.shows;
        self.hooked.insert(dir.to_owned(), Hooked { id, shows, pins });
        Ok(())
    }

    /// All of these, or none; the pins of their links.
    fn attach_all(&mut self, programs: &[&str], dir: &Path) -> Result<Vec<PathBuf>> {
        let mut pins = Vec::with_capacity(programs.len());
        for program in programs {
            match self.attach_cgroup(program, dir) {
                Ok(link) => pins.extend(link.pin_path()),
                Err(error) => {
                    unpin(pins);
                    return Err(error);
                }
            }
        }
        Ok(pins)
    }

    /// From now on sockets are told of loopbacks and ports as their workload knows them.
    pub(crate) fn show_everywhere(&mut self) -> Result<()> {
        if self.shows {
            return Ok(());
        }
        let blind = self.hooked.iter().filter(|(_, hooked)| !hooked.shows);
        for dir in blind.map(|(dir, _)| dir.clone()).collect::<Vec<_>>() {
            // One that was removed meanwhile needs none.
            let pins = match self.attach_all(&SHOWING_PROGRAMS, &dir) {
                Err(_) if !dir.exists() => continue,
                done => done?,
            };
            if let Some(hooked) = self.hooked.get_mut(&dir) {
                hooked.pins.extend(pins);
                hooked.shows = true;
            }
        }
        self.shows = true;
        Ok(())
    }

    /// Takes the hooks off a folder if its id is one of those; `true` if there are none any more.
    fn unhook(&mut self, dir: &Path, these: impl Fn(u64) -> bool) -> bool {
        if self.hooked.get(dir).is_some_and(|hooked| !these(hooked.id)) {
            return false;
        }
        if let Some(hooked) = self.hooked.remove(dir) {
            hooked.unpin();
        }
        true
    }

    /// Forgets the folders that were removed.
    fn sweep(&mut self) {
        if self.swept.elapsed() < SWEEP {
            return;
        }
        self.swept = Instant::now();
        let gone =
            |(folder, hooked): &(&PathBuf, &Hooked)| !cgroup_id(folder).is_ok_and(|now| now == hooked.id);
        let gone: Vec<PathBuf> = self
            .hooked
            .iter()
            .filter(gone)
            .map(|(folder, _)| folder.clone())
            .collect();
        for folder in gone {
            self.unhook(&folder, |_| true);
        }
    }

    /// The folder first, so that whatever is made below from then on inherits; then what is below already.
    fn write_entries(&mut self, dir: &Path, value: &types::entry) -> Result<()> {
        let mut failed = None;
        // Twice: a folder that was made just before its parent got the entry, and became visible just after we looked,
        // has inherited nothing.
        for _ in 0..2 {
            each_below(dir, &mut |below| {
                if let Ok(id) = cgroup_id(below) {
                    let done = self
                        .skel
                        .maps
                        .entries
                        .update(bytes(&id), bytes(value), MapFlags::ANY);
                    failed = done.err().or(failed.take());
                }
            });
        }
        failed.map_or(Ok(()), |source| Err(Error::map("entries", "write")(source)))
    }
}

// === impl Hooked ===

impl Hooked {
    fn unpin(self) {
        unpin(self.pins);
    }
}

fn unpin(pins: Vec<PathBuf>) {
    for pin in pins {
        // One that is gone already is what we want.
        let _ = fs::remove_file(pin);
    }
}

/// A cgroup's id is the inode number of its folder.
pub(crate) fn cgroup_id(dir: &Path) -> Result<u64> {
    fs::metadata(dir)
        .map(|m| m.ino())
        .map_err(Error::file("read", dir))
}

/// Calls `visit` for `dir` and every folder below, parents first.
fn each_below(dir: &Path, visit: &mut dyn FnMut(&Path)) {
    visit(dir);
    // Folders vanish while we walk; what is gone needs no visit.
    for child in fs::read_dir(dir).into_iter().flatten().flatten() {
        if child.file_type().is_ok_and(|t| t.is_dir()) {
            each_below(&child.path(), visit);
        }
    }
}

fn container_key(id: &str) -> Result<types::container_key> {
    let wrong = || Error::ContainerId(id.to_owned());
    if !id
        .bytes()
        .all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase())
    {
        return Err(wrong());
    }
    read(id.as_bytes())
        .filter(|_| id.len() == size_of::<types::container_key>())
        .ok_or_else(wrong)
}

fn entry_back(e: &types::entry) -> Entry {
    Entry {
        workload: e.workload,
        identity: Peer(e.identity),
        subject: e.subject,
        observe: e.flags & types::entry_flag::ENTRY_OBSERVE.0 != 0,
        contained: e.flags & types::entry_flag::ENTRY_CONTAINED.0 != 0,
        moved: e.flags & types::entry_flag::ENTRY_MOVED.0 != 0,
        on_host: e.flags & types::entry_flag::ENTRY_ON_HOST.0 != 0,
    }
}

pub(crate) fn ignore_absent(done: libbpf_rs::Result<()>) -> libbpf_rs::Result<()> {
    match done {
        Err(e) if e.kind() == libbpf_rs::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
