//! What is declared of the host's network for whom: containments, places of ports, names, interfaces.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cofferdam_policy::containment::{Bind, Containment, Interface, Loopback, Netlink, is_private_loopback};
use cofferdam_policy::{PortRange, Protocol};
use libbpf_rs::{MapCore, MapFlags};

use crate::abi::{address, bytes, ip, read, types};
use crate::places::replace_but;
use crate::{Datapath, Error, Result};

use spans::{Said, Span, covers, spans_of};

mod spans;
#[cfg(test)]
mod tests;

/// What one workload on the host's network may take of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contained {
    /// Its number.
    pub workload: u32,
    /// What was declared.
    pub containment: Containment,
    /// Ports that it may bind besides: those that its image exposes and those that are published.
    pub declared: Vec<PortRange>,
    /// Number of its loopback, where that is not the host's; see [`loopback`].
    pub loopback: Option<u32>,
    /// The interfaces of [`Containment::interfaces`] that there are.
    pub interfaces: Vec<u32>,
}

/// What a private 127.0.0.1 and `::1` with this number really are. In the kernel: `enum loopback_range`.
#[must_use]
pub fn loopback(number: u32) -> (Ipv4Addr, Ipv6Addr) {
    const FIRST: u32 = 0x7f40_0000;
    const HOSTS: u32 = 0x003f_ffff;
    let [a, b, c, d] = number.to_be_bytes();
    let v6 = [
        0xfd, 0x63, 0x6f, 0x66, 0x66, 0x65, 0x72, 0x64, 0x61, 0x6d, 0, 0, a, b, c, d,
    ];
    (Ipv4Addr::from(FIRST | (number & HOSTS)), Ipv6Addr::from(v6))
}

/// Keys and values of one map.
type Content = BTreeMap<Vec<u8>, Vec<u8>>;

// === impl Datapath ===

impl Datapath {
    /// Replaces everything that is declared. Before the entries that say [`crate::Entry::contained`].
    pub fn set_contained(&mut self, all: &[Contained]) -> Result<()> {
        let (mut rows, mut places) = (Content::new(), Content::new());
        let (mut names, mut interfaces) = (Content::new(), Content::new());
        for one in all {
            rows.insert(bytes(&one.workload).to_vec(), bytes(&one.row()).to_vec());
            places.extend(one.places());
            names.extend(one.names());
            interfaces.extend(one.interfaces());
        }
        // Who runs and is in no list yet, as after a lost state, stays as it was.
        let listed: BTreeSet<u32> = all.iter().map(|one| one.workload).collect();
        let running = self.entries()?.into_iter();
        let kept: BTreeSet<u32> = running
            .filter(|(_, entry)| entry.contained && !listed.contains(&entry.workload))
            .map(|(_, entry)| entry.workload)
            .collect();
        let of = |key: &[u8], at: usize| {
            let number = key.get(at..).and_then(read::<u32>);
            number.is_some_and(|number| kept.contains(&number))
        };
        let maps = &self.skel.maps;
        // All of them, whichever fails: without a place a strict workload is refused, without its row it would be free.
        let done = [
            replace_but(&maps.containments, "containments", &rows, |key| of(key, 0)),
            replace_but(&maps.places, "places", &places, |key| of(key, 4)),
            replace_but(&maps.abstract_names, "abstract_names", &names, |key| of(key, 4)),
            replace_but(&maps.interfaces, "interfaces", &interfaces, |key| of(key, 0)),
        ];
        let changed = done.iter().any(|one| *one.as_ref().unwrap_or(&true));
        if changed {
            self.new_epoch()?;
        }
        if all.iter().any(Contained::looks_other) {
            self.show_everywhere()?;
        }
        done.into_iter().collect::<Result<Vec<_>>>().map(drop)
    }

    /// The private `::1` of everybody who has one now.
    pub fn loopbacks(&self) -> Result<BTreeSet<Ipv6Addr>> {
        let map = &self.skel.maps.containments;
        let mut found = BTreeSet::new();
        for key in map.keys() {
            let row = map.lookup(&key, MapFlags::ANY);
            let row = row.map_err(Error::map("containments", "read"))?;
            let address = row.and_then(|b| read::<types::containment>(&b));
            if let Some(IpAddr::V6(v6)) = address
                .map(|row| ip(&row.loopback6))
                .filter(|ip| is_private_loopback(*ip))
            {
                found.insert(v6);
            }
        }
        Ok(found)
    }
}

// === impl Contained ===

impl Contained {
    /// It is not as if there were none.
    #[must_use]
    pub fn says_anything(&self) -> bool {
        self.containment != Containment::default() || !self.declared.is_empty()
    }

    /// Some of its addresses or ports are not what it asked for.
    #[must_use]
    pub fn looks_other(&self) -> bool {
        self.loopback.is_some() || self.has_moved()
    }

    /// Some of its ports are really others.
    #[must_use]
    pub fn has_moved(&self) -> bool {
        self.spans()
            .iter()
            .any(|span| span.to.is_some_and(|to| to != span.first))
    }

    fn row(&self) -> types::containment {
        use types::contain_flag as flag;
        let allow = &self.containment.allow;
        let flags = [
            (
                self.containment.loopback != Loopback::Host,
                flag::CONTAIN_LOOPBACK,
            ),
            (self.containment.limits_ports(), flag::CONTAIN_PORTS),
            (self.containment.strict, flag::CONTAIN_STRICT),
            (self.containment.interfaces.is_some(), flag::CONTAIN_INTERFACES),
            (allow.raw, flag::ALLOW_RAW),
            (allow.packet, flag::ALLOW_PACKET),
            (allow.vsock, flag::ALLOW_VSOCK),
            (allow.sysctl, flag::ALLOW_SYSCTL),
        ];
        let flags = flags.iter().filter(|(holds, _)| *holds);
        let (v4, v6) = self
            .loopback
            .map_or((Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST), loopback);
        types::containment {
            flags: flags.fold(0, |all, (_, one)| all | one.0),
            loopback4: u32::from_ne_bytes(v4.octets()),
            netlink: self.netlink(),
            loopback6: address(v6.into()),
        }
    }

    fn netlink(&self) -> u64 {
        let declared = match &self.containment.allow.netlink {
            Netlink::None => 0,
            Netlink::All => u64::MAX,
            Netlink::Some(families) => families
                .iter()
                .filter_map(|family| 1_u64.checked_shl(u32::from(*family)))
                .fold(0, |all, bit| all | bit),
        };
        // Without `route`, libc cannot list interfaces.
        declared | 1
    }

    /// Each port once, with all that is said of it.
    fn spans(&self) -> Vec<Span> {
        use types::place_flag as flag;
        let binds = self.containment.bind.as_deref().unwrap_or_default();
        let said = |ports: &PortRange, to, says: types::place_flag| Said {
            ports: *ports,
            to,
            flag: says.0,
        };
        let declared = self
            .declared
            .iter()
            .map(|ports| said(ports, None, flag::PLACE_DECLARED));
        let binds = binds
            .iter()
            .map(|bind| said(&bind.ports, bind.to, flag::PLACE_DECLARED));
        let shared = self.containment.allow.shared.iter();
        let shared = shared.map(|ports| said(ports, None, flag::PLACE_SHARED));
        let mut said: Vec<Said> = declared.chain(binds).chain(shared).collect();
        // The port behind a moved one is known by the other's number.
        let behind = self
            .containment
            .bind
            .iter()
            .flatten()
            .filter(|bind| bind.to.is_some());
        let behind: Vec<PortRange> = behind.filter_map(Bind::real).collect();
        let is_behind = |one: &Said| {
            one.flag == flag::PLACE_DECLARED.0
                && one.to.is_none()
                && behind.iter().any(|ports| covers(ports, &one.ports))
        };
        said.retain(|one| !is_behind(one));
        [Protocol::TCP, Protocol::UDP]
            .into_iter()
            .flat_map(|protocol| spans_of(protocol, &said))
            .collect()
    }

    fn places(&self) -> Content {
        let mut content = Content::new();
        for span in self.spans() {
            let to = span.to.unwrap_or(span.first);
            let inside = span.place(span.first, to);
            for (port, bits) in blocks(span.first, span.last) {
                let key = self.place_key(span.protocol, types::port_side::PORT_INSIDE, port, bits);
                content.insert(bytes(&key).to_vec(), bytes(&inside).to_vec());
            }
            if to == span.first {
                continue;
            }
            let outside = span.place(to, span.first);
            for (port, bits) in blocks(to, to.saturating_add(span.last - span.first)) {
                let key = self.place_key(span.protocol, types::port_side::PORT_OUTSIDE, port, bits);
                content.insert(bytes(&key).to_vec(), bytes(&outside).to_vec());
            }
        }
        content
    }

    fn place_key(
        &self,
        protocol: Protocol,
        side: types::port_side,
        port: u16,
        bits: u32,
    ) -> types::place_key {
        types::place_key {
            bits: types::place_bits::PLACE_BITS.0 - 16 + bits,
            workload: self.workload,
            protocol: protocol.0,
            side: u8::try_from(side.0).unwrap_or_default(),
            port: port.to_be(),
        }
    }

    fn names(&self) -> Content {
        let mut content = Content::new();
        for declared in &self.containment.allow.abstract_names {
            let name = declared.name.as_bytes();
            let mut key = types::name_key {
                bits: types::name_limits::NAME_BITS.0,
                workload: self.workload,
                ..types::name_key::default()
            };
            let unix = u16::try_from(nix::libc::AF_UNIX)
                .unwrap_or_default()
                .to_ne_bytes();
            let address: Vec<u8> = unix.iter().chain(&[0]).chain(name).copied().collect();
            for (to, from) in key.name.iter_mut().zip(&address) {
                *to = from.cast_signed();
            }
            if declared.prefix {
                key.bits = 32 + 8 * u32::try_from(address.len().min(key.name.len())).unwrap_or_default();
            }
            content.insert(bytes(&key).to_vec(), bytes(&1_u32).to_vec());
        }
        content
    }

    fn interfaces(&self) -> Content {
        let named = self.interfaces.iter().map(|ifindex| (*ifindex, None));
        let items = self.containment.interfaces.as_deref().unwrap_or_default();
        let addresses = items.iter().filter_map(|item| match item {
            Interface::Address(ip) => Some((0, Some(*ip))),
            Interface::Name(_) => None,
        });
        named
            .chain(addresses)
            .map(|(ifindex, ip)| {
                let key = types::interface_key {
                    workload: self.workload,
                    ifindex,
                    addr: ip.map(address).unwrap_or_default(),
                };
                (bytes(&key).to_vec(), bytes(&1_u32).to_vec())
            })
            .collect()
    }
}

/// The fewest prefixes that make up these ports: the first port and how many bits of it count.
fn blocks(first: u16, last: u16) -> Vec<(u16, u32)> {
    let (mut next, end) = (u32::from(first), u32::from(last) + 1);
    let mut found = Vec::new();
    while next < end {
        let aligned = if next == 0 {
            16
        } else {
            next.trailing_zeros().min(16)
        };
        let fits = (end - next).ilog2();
        let size = aligned.min(fits);
        if let Ok(port) = u16::try_from(next) {
            found.push((port, 16 - size));
        }
        next += 1 << size;
    }
    found
}
