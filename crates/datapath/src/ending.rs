//! Ends established flows that the policy denies by now: sweeps over the sockets of namespaces, which the program in
//! `bpf/ending.h` judges. When to look, and in which namespaces, is the daemon's to say.

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{Link, MapCore, MapFlags};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket, SocketAddr};
use nix::sched::{CloneFlags, setns};

use crate::abi::{Plain, bytes, read};
use crate::load::{fits, home};
use crate::skel::end::{EndSkel, EndSkelBuilder, types};
use crate::sockets::run_iterator;
use crate::{Error, Result};

/// The maps that are ours alone; all others are those of the hooks.
const OWN_MAPS: [&str; 2] = ["ends", "looked_at"];
/// How many entries one system call takes.
const BATCH: u32 = 4096;

// Of linux/netlink.h and linux/sock_diag.h, in the widths of a message's header.
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_DUMP: u16 = 0x300;
const NLMSG_DONE: u16 = 3;
const SOCK_DIAG_BY_FAMILY: u16 = 20;

/// Who ends flows: programs beside those of a [`Datapath`](crate::Datapath), with the same maps. May live on a thread of
/// its own.
pub struct Ender {
    skel: EndSkel<'static>,
    streams: Link,
    datagrams: Link,
    by_daemon: u32,
}

// SAFETY: integers only, no padding: eight-byte fields first, then fields of four and less that fill their words.
unsafe impl Plain for types::progress {}

/// How the kernel ends a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndBy {
    /// The program that found it, where the kernel lets programs do that (6.5), else as `Request`.
    Program,
    /// A request to the kernel's socket diagnosis, of the program's making (needs `CONFIG_INET_DIAG_DESTROY`).
    Request,
}

/// What one look did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Sockets that were looked at, in all namespaces.
    pub seen: u64,
    /// Those of protected workloads whose other end was known.
    pub judged: u64,
    /// Those that were ended.
    pub ended: u64,
    /// Those that the kernel did not end although it was asked.
    pub failed: u64,
    /// Those that there was no room for; they go on.
    pub missed: u64,
    /// How long it took.
    pub time: Duration,
}

// === impl Ender ===

impl Ender {
    /// Loads the programs with the maps that are pinned below `bpffs`.
    ///
    /// # Errors
    /// [`Error::Load`], [`Error::Pin`], [`Error::Attach`]; [`Error::NotLoaded`] where nothing is pinned.
    pub fn open(bpffs: &Path, by: EndBy) -> Result<Self> {
        let maps = home(bpffs).join("maps");
        if !maps.join("settings").exists() {
            return Err(Error::NotLoaded(bpffs.to_owned()));
        }
        // Its programs must outlive every borrow: leaked on purpose, one a process.
        let object = Box::leak(Box::new(MaybeUninit::uninit()));
        let mut open = EndSkelBuilder::default().open(object).map_err(Error::Load)?;
        for mut map in open.open_object_mut().maps_mut() {
            let name = map.name().to_string_lossy().into_owned();
            let path = maps.join(&name);
            if OWN_MAPS.contains(&name.as_str()) || name.contains('.') {
                continue;
            }
            if path.exists() {
                fits(&map, &path)?;
                map.reuse_pinned_map(&path)
                    .map_err(|source| Error::Pin { path, source })?;
            } else {
                // Declared in the same headers, used by other programs.
                map.set_autocreate(false).map_err(Error::Load)?;
            }
        }
        let skel = open.load().map_err(Error::Load)?;
        let attach = |program: &libbpf_rs::ProgramMut<'_>, name: &str| {
            program.attach().map_err(|source| Error::Attach {
                program: name.to_owned(),
                to: "the socket iterator".to_owned(),
                source,
            })
        };
        Ok(Self {
            streams: attach(&skel.progs.end_streams, "end_streams")?,
            datagrams: attach(&skel.progs.end_datagrams, "end_datagrams")?,
            skel,
            by_daemon: u32::from(by == EndBy::Request),
        })
    }

    /// Ends what the policy denies by now, in those of `namespaces` for which `changed` says that it may deny more than
    /// before. `namespaces` must be all that have a protected workload, each once, or the other end of a flow is not found.
    ///
    /// # Errors
    /// [`Error::Namespace`]: nothing was ended before every namespace had been entered.
    pub fn end(&mut self, namespaces: &[(File, bool)]) -> Result<Ended> {
        let begun = Instant::now();
        let done = thread::scope(|scope| {
            let inside = scope.spawn(|| self.sweeps(namespaces)).join();
            let ended_early = || io::Error::other("the thread inside the namespaces ended early");
            inside.unwrap_or_else(|_| Err(ended_early()))
        });
        self.forget()?;
        let (progress, refused) = done.map_err(Error::Namespace)?;
        Ok(Ended {
            seen: progress.seen,
            judged: progress.judged,
            ended: progress.ended.saturating_sub(refused),
            failed: progress.failed + refused,
            missed: progress.missed,
            time: begun.elapsed(),
        })
    }

    /// See `bpf/ending.h`. Returns what was counted, and how many requests were refused.
    fn sweeps(&self, namespaces: &[(File, bool)]) -> io::Result<(types::progress, u64)> {
        let mut progress = types::progress {
            by_daemon: self.by_daemon,
            ..types::progress::default()
        };
        let mut refused = 0;
        for (enter, judge) in [
            (types::sweep::SWEEP_FIRST, types::sweep::SWEEP_JUDGE),
            (types::sweep::SWEEP_AGAIN, types::sweep::SWEEP_LAST),
        ] {
            progress.sweep = enter;
            self.write(&progress)?;
            for (namespace, _) in namespaces {
                setns(namespace, CloneFlags::CLONE_NEWNET)?;
                run_iterator(self.streams.as_fd().as_raw_fd())?;
            }
            progress = self.read()?;
            progress.sweep = judge;
            progress.waits = 0;
            self.write(&progress)?;
            for (namespace, _) in namespaces.iter().filter(|(_, changed)| *changed) {
                setns(namespace, CloneFlags::CLONE_NEWNET)?;
                refused += request(&run_iterator(self.streams.as_fd().as_raw_fd())?)?;
                if judge == types::sweep::SWEEP_JUDGE {
                    refused += request(&run_iterator(self.datagrams.as_fd().as_raw_fd())?)?;
                }
            }
            progress = self.read()?;
            if progress.waits == 0 {
                break;
            }
        }
        Ok((progress, refused))
    }

    fn write(&self, progress: &types::progress) -> io::Result<()> {
        let done = self
            .skel
            .maps
            .bss
            .update(bytes(&0_u32), bytes(progress), MapFlags::ANY);
        done.map_err(io::Error::other)
    }

    fn read(&self) -> io::Result<types::progress> {
        let found = self.skel.maps.bss.lookup(bytes(&0_u32), MapFlags::ANY);
        let found = found.map_err(io::Error::other)?.and_then(|b| read(&b));
        Ok(found.unwrap_or_default())
    }

    /// Leaves nothing for the next look.
    fn forget(&self) -> Result<()> {
        let ends = &self.skel.maps.ends;
        let all = ends.lookup_and_delete_batch(BATCH, MapFlags::ANY, MapFlags::ANY);
        all.map_err(Error::map("ends", "remove"))?.for_each(drop);
        Ok(())
    }
}

/// Sends the requests that an iterator wrote; how many were refused. What has gone meanwhile has ended too.
fn request(all: &[u8]) -> io::Result<u64> {
    if all.is_empty() {
        return Ok(0);
    }
    let socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let mut refused = 0;
    let mut diagnoses = None;
    for one in all.chunks_exact(size_of::<types::doomed>()) {
        let (_, error) = ask(&socket, one)?;
        let ended = match error {
            0 => true,
            // No such socket; or no such diagnosis, where the kernel may not load its module.
            errno if errno == -nix::libc::ENOENT => match diagnoses {
                Some(known) => known,
                None => *diagnoses.insert(has_diagnosis(&socket, one)?),
            },
            _ => false,
        };
        refused += u64::from(!ended);
    }
    Ok(refused)
}

/// Whether the kernel knows about sockets of the kind that `request` is about: asks for all of them in no state.
fn has_diagnosis(socket: &Socket, request: &[u8]) -> io::Result<bool> {
    let mut dump = request.to_vec();
    dump.splice(4..6, SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    dump.splice(6..8, (NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    dump.splice(20..24, 0_u32.to_ne_bytes()); // the states
    Ok(ask(socket, &dump)? == (NLMSG_DONE, 0))
}

/// The type of the answer, and the error in it: `NLMSG_ERROR` and `NLMSG_DONE` have it in the same place.
fn ask(socket: &Socket, message: &[u8]) -> io::Result<(u16, i32)> {
    socket.send(message, 0)?;
    let (answer, _) = socket.recv_from_full()?;
    let short = || {
        io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "a short answer of the socket diagnosis",
        )
    };
    let kind = answer
        .get(4..6)
        .and_then(|b| b.try_into().ok())
        .ok_or_else(short)?;
    let error = answer
        .get(16..20)
        .and_then(|b| b.try_into().ok())
        .ok_or_else(short)?;
    Ok((u16::from_ne_bytes(kind), i32::from_ne_bytes(error)))
}

#[cfg(test)]
mod tests;
