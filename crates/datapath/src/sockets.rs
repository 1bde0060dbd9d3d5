//! The directory of listeners: sockets older than the programs, and who listens where.

use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use cofferdam_policy::Protocol;
use libbpf_rs::{Link, MapCore, MapFlags, libbpf_sys};

use crate::abi::{bytes, ip, read, types};
use crate::{Datapath, Error, Result, netns};

/// A bound socket of a protected workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Workload number; 0 while pending.
    pub workload: u32,
    /// Namespace cookie.
    pub netns: u64,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Address it is bound to; `::` may take IPv4 too.
    pub address: IpAddr,
    /// Port.
    pub port: u16,
}

// === impl Datapath ===

impl Datapath {
    /// Enters into the directory what protected workloads already listen on in this namespace. Safe to repeat.
    ///
    /// Returns how many sockets the directory holds afterwards.
    pub fn scan_sockets(&mut self, namespace: &File) -> Result<usize> {
        for name in ["on_tcp_socket", "on_udp_socket"] {
            let link = self.iterator(name)?;
            netns::inside(namespace, || run_iterator(link.as_fd().as_raw_fd()))?;
        }
        Ok(self.skel.maps.bound_sockets.keys().count())
    }

    /// The directory, with the workload of each listener.
    pub fn listeners(&self) -> Result<Vec<Listener>> {
        let maps = &self.skel.maps;
        let mut found = Vec::new();
        for key in maps.listeners.keys() {
            let value = maps
                .listeners
                .lookup(&key, MapFlags::ANY)
                .map_err(Error::map("listeners", "read"))?;
            let (Some(k), Some(v)) = (
                read::<types::listener_key>(&key),
                value.and_then(|b| read::<types::listener>(&b)),
            ) else {
                continue;
            };
            let entry = maps.entries.lookup(bytes(&v.cgroup), MapFlags::ANY);
            let entry: Option<types::entry> = entry
                .map_err(Error::map("entries", "read"))?
                .and_then(|b| read(&b));
            found.extend(entry.map(|e| Listener {
                workload: e.workload,
                netns: k.netns,
                protocol: Protocol(k.protocol),
                address: ip(&k.addr),
                port: k.port,
            }));
        }
        Ok(found)
    }

    fn iterator(&self, name: &str) -> Result<Link> {
        let progs = &self.skel.progs;
        let program = if name == "on_tcp_socket" {
            &progs.on_tcp_socket
        } else {
            &progs.on_udp_socket
        };
        program.attach().map_err(|source| Error::Attach {
            program: name.to_owned(),
            to: "the socket iterator".to_owned(),
            source,
        })
    }
}

/// Runs an iterator to its end and returns what it wrote; it belongs to the namespace of the thread that makes it.
pub(crate) fn run_iterator(link: i32) -> io::Result<Vec<u8>> {
    // SAFETY: the link is open for the whole call; options are optional.
    let fd = unsafe { libbpf_sys::bpf_iter_create(link) };
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(-fd));
    }
    // SAFETY: the call above returned a descriptor that nobody else owns.
    let mut run = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
    let mut written = Vec::new();
    run.read_to_end(&mut written)?;
    Ok(written)
}
