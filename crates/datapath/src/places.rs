//! Where addresses and published ports lead: the two maps that turn a destination into a network namespace.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use cofferdam_policy::Protocol;
use libbpf_rs::{MapCore, MapFlags};

use crate::abi::{address, bytes, types};
use crate::cgroups::ignore_absent;
use crate::{Datapath, Entry, Error, Result};

/// A port of the host that leads to a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The host's address; `None` is every address.
    pub host_ip: Option<IpAddr>,
    /// The host's port.
    pub host_port: u16,
    /// Cookie of the container's namespace.
    pub target_netns: u64,
    /// The container's address.
    pub target_ip: Option<IpAddr>,
    /// The container's port.
    pub container_port: u16,
}

const UDP_OFFSET: u32 = 1 << 16;

// === impl Datapath ===

impl Datapath {
    /// Replaces the whole set of addresses of this host and its containers with the namespaces they are in.
    pub fn set_namespace_addresses(&mut self, all: &[(IpAddr, u64)]) -> Result<()> {
        let wanted = all
            .iter()
            .map(|(ip, netns)| (bytes(&address(*ip)).to_vec(), bytes(netns).to_vec()));
        if replace(&self.skel.maps.addresses, "addresses", &wanted.collect())? {
            self.new_epoch()?;
        }
        Ok(())
    }

    /// Replaces the whole set of namespaces that one protected workload has for itself. It is judged as that workload
    /// where nobody is known to listen; leave a namespace out where strangers or other workloads share it.
    pub fn set_namespace_owners(&mut self, all: &[(u64, Entry)]) -> Result<()> {
        let wanted = all
            .iter()
            .map(|(netns, e)| (bytes(netns).to_vec(), bytes(&self.abi_entry(e, 0)).to_vec()));
        replace(&self.skel.maps.owners, "owners", &wanted.collect()).map(drop)
    }

    /// Replaces the whole set of published ports.
    pub fn set_published(&mut self, all: &[Published]) -> Result<()> {
        let wanted = all
            .iter()
            .map(|p| (bytes(&key(p)).to_vec(), bytes(&value(p)).to_vec()))
            .collect();
        let changed = replace(&self.skel.maps.published_ports, "published_ports", &wanted)?;
        let indexes: BTreeSet<u32> = all.iter().map(index).collect();
        let map = &self.skel.maps.port_published;
        for gone in self.published_indexes.difference(&indexes) {
            map.update(bytes(gone), bytes(&0_u32), MapFlags::ANY)
                .map_err(Error::map("port_published", "write"))?;
        }
        for new in &indexes {
            map.update(bytes(new), bytes(&1_u32), MapFlags::ANY)
                .map_err(Error::map("port_published", "write"))?;
        }
        self.published_indexes = indexes;
        if changed { self.new_epoch() } else { Ok(()) }
    }
}

/// Makes `map` hold exactly `wanted`: writes first, so that nothing that stays is ever missing. Whether anything changed.
pub(crate) fn replace(
    map: &impl MapCore,
    name: &'static str,
    wanted: &BTreeMap<Vec<u8>, Vec<u8>>,
) -> Result<bool> {
    replace_but(map, name, wanted, |_| false)
}

/// The same, but for keys that stay whatever is wanted.
pub(crate) fn replace_but(
    map: &impl MapCore,
    name: &'static str,
    wanted: &BTreeMap<Vec<u8>, Vec<u8>>,
    stays: impl Fn(&[u8]) -> bool,
) -> Result<bool> {
    let mut changed = false;
    // By its keys: a trie answers a look-up with whatever is around what was asked for.
    let held: BTreeSet<Vec<u8>> = map.keys().collect();
    for (key, value) in wanted {
        let now = held.contains(key).then(|| map.lookup(key, MapFlags::ANY));
        let now = now.transpose().map_err(Error::map(name, "read"))?.flatten();
        if now.as_ref() != Some(value) {
            map.update(key, value, MapFlags::ANY)
                .map_err(Error::map(name, "write"))?;
            changed = true;
        }
    }
    let old = held.iter().filter(|k| !wanted.contains_key(*k) && !stays(k));
    for key in old {
        ignore_absent(map.delete(key)).map_err(Error::map(name, "remove"))?;
        changed = true;
    }
    Ok(changed)
}

fn key(p: &Published) -> types::published_key {
    types::published_key {
        addr: p
            .host_ip
            .filter(|ip| !ip.is_unspecified())
            .map(address)
            .unwrap_or_default(),
        port: p.host_port,
        protocol: p.protocol.0,
        ..types::published_key::default()
    }
}

fn value(p: &Published) -> types::published {
    types::published {
        netns: p.target_netns,
        addr: p.target_ip.map(address).unwrap_or_default(),
        port: p.container_port,
        ..types::published::default()
    }
}

fn index(p: &Published) -> u32 {
    u32::from(p.host_port)
        | if p.protocol == Protocol::TCP {
            0
        } else {
            UDP_OFFSET
        }
}
