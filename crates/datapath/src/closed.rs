//! Connections that have ended: the kernel sums up what they carried, and here the sums are read.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use crate::abi::{self, read, types};
use crate::{Datapath, Error, Result, batch};

/// Connections of one cgroup that have ended since they were told of last: to one address and port, or from one address to
/// one of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The cgroup whose sockets they were.
    pub cgroup: u64,
    /// Where they led to.
    pub destination: SocketAddr,
    /// Who reached the cgroup; `None`: it reached somebody.
    pub from: Option<IpAddr>,
    /// How many.
    pub connections: u64,
    /// Bytes that the cgroup sent, each once.
    pub bytes_out: u64,
    /// Bytes that it received.
    pub bytes_in: u64,
    /// Segments that it sent.
    pub packets_out: u64,
    /// Segments that came.
    pub packets_in: u64,
    /// Segments that it sent again.
    pub retransmits: u64,
    /// Round trip times, the sum of them all, in microseconds.
    pub rtt_us: u64,
    /// When the last one ended, nanoseconds of CLOCK_BOOTTIME.
    pub last_ns: u64,
}

/// What was told of each entry.
pub(crate) type Told = HashMap<Vec<u8>, types::totals>;

// === impl Datapath ===

impl Datapath {
    /// What connections carried that have ended since the last call.
    pub fn closed(&mut self) -> Result<Vec<Closed>> {
        let map = &self.skel.maps.ended_connections;
        let (mut told, mut found, mut idle) = (HashMap::new(), Vec::new(), Vec::new());
        batch::read(map, |key, value| {
            let (Some(at), Some(now)) = (read::<types::totals_key>(key), read::<types::totals>(value)) else {
                return;
            };
            let before = self.closed.get(key).copied().unwrap_or_default();
            if now.connections > before.connections {
                found.push(difference(&at, &now, &before));
                told.insert(key.to_vec(), now);
            } else {
                idle.extend_from_slice(key);
            }
        })
        .map_err(Error::map("ended_connections", "read"))?;
        // They do not grow any more: their places are somebody else's.
        batch::remove(map, &idle).map_err(Error::map("ended_connections", "remove"))?;
        self.closed = told;
        Ok(found)
    }
}

fn difference(key: &types::totals_key, now: &types::totals, before: &types::totals) -> Closed {
    Closed {
        cgroup: key.cgroup,
        destination: SocketAddr::new(abi::ip(&key.addr), key.port),
        from: (key.accepted != 0).then(|| abi::ip(&key.peer)),
        connections: now.connections - before.connections,
        bytes_out: now.bytes_out.saturating_sub(before.bytes_out),
        bytes_in: now.bytes_in.saturating_sub(before.bytes_in),
        packets_out: now.packets_out.saturating_sub(before.packets_out),
        packets_in: now.packets_in.saturating_sub(before.packets_in),
        retransmits: now.retransmits.saturating_sub(before.retransmits),
        rtt_us: now.rtt_us.saturating_sub(before.rtt_us),
        last_ns: now.last,
    }
}
