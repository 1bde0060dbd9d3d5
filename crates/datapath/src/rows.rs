//! The compiled policy in the kernel: applies a plan's steps and reads everything back.

use std::net::IpAddr;

use cofferdam_policy::{Compiled, Peer, Plane, PortKey, PrefixValue, Protocol, RowKey, RowValue, Step};
use ipnet::IpNet;
use libbpf_rs::MapCore;

use crate::abi::{self, bytes, read, types};
use crate::{Datapath, Error, Result, batch};

/// The maps that hold a [`Compiled`]; the tests' decider has its own.
pub(crate) struct PolicyMaps<'a, M: MapCore> {
    pub(crate) rows: &'a M,
    pub(crate) ports: &'a M,
    pub(crate) prefixes: &'a M,
    pub(crate) kept_rules: &'a M,
}

// === impl Datapath ===

impl Datapath {
    /// Carries out steps in order. A full map fails with `E2BIG` or `ENOSPC` and leaves the earlier steps done; `install`
    /// steps change nothing that is in use.
    pub fn apply(&mut self, steps: &[Step]) -> Result<()> {
        self.policy_maps().apply(steps)?;
        let by_address = steps.iter().filter_map(|step| match step {
            Step::SetRow(key, _) if is_by_address(key) => Some(key.subject),
            _ => None,
        });
        self.by_address.extend(by_address);
        if steps.is_empty() {
            Ok(())
        } else {
            self.new_epoch()
        }
    }

    /// What the kernel holds at the start, taken for what was applied.
    pub fn recall(&mut self) -> Result<Compiled> {
        let held = self.compiled()?;
        let by_address = held.rows.keys().filter(|key| is_by_address(key));
        self.by_address = by_address.map(|key| key.subject).collect();
        Ok(held)
    }

    /// What the kernel holds now; `rules` is empty, since texts never go there.
    pub fn compiled(&self) -> Result<Compiled> {
        self.policy_maps().read()
    }

    fn policy_maps(&self) -> PolicyMaps<'_, libbpf_rs::MapMut<'static>> {
        let maps = &self.skel.maps;
        PolicyMaps {
            rows: &maps.rows,
            ports: &maps.ports,
            prefixes: &maps.prefixes,
            kept_rules: &maps.kept_rules,
        }
    }
}

fn is_by_address(key: &RowKey) -> bool {
    key.plane.0 & Plane::BESIDE != 0
}

// === impl PolicyMaps ===

impl<M: MapCore> PolicyMaps<'_, M> {
    /// Neighbours that do the same to one map go in one call: alone, each costs a system call.
    pub(crate) fn apply(&self, steps: &[Step]) -> Result<()> {
        let alike = |one: &Step, next: &Step| std::mem::discriminant(one) == std::mem::discriminant(next);
        for some in steps.chunk_by(alike) {
            let Some(first) = some.first() else { continue };
            let (map, name) = match first {
                Step::SetPort(..) | Step::DropPort(_) => (self.ports, "ports"),
                Step::SetRow(..) | Step::DropRow(_) => (self.rows, "rows"),
                Step::SetPrefix(..) | Step::DropPrefix(_) => (self.prefixes, "prefixes"),
                Step::SetKept(_) | Step::DropKept(_) => (self.kept_rules, "kept_rules"),
            };
            let (mut keys, mut values) = (Vec::new(), Vec::new());
            some.iter().for_each(|step| lay_out(step, &mut keys, &mut values));
            if values.is_empty() {
                batch::remove(map, &keys).map_err(Error::map(name, "remove"))?;
            } else {
                batch::write(map, &keys, &values).map_err(Error::map(name, "write"))?;
            }
        }
        Ok(())
    }

    pub(crate) fn read(&self) -> Result<Compiled> {
        // Collected first: sorted at once they make a tree much sooner than one by one.
        let (mut rows, mut ports, mut prefixes) = (Vec::new(), Vec::new(), Vec::new());
        each(self.rows, "rows", |k: types::row_key, v: types::row| {
            if let (Some(key), Some(verdict)) = (abi::row_key_back(&k), abi::verdict_back(&v.verdict)) {
                let (table, sizes) = (v.table, v.sizes);
                rows.push((
                    key,
                    RowValue {
                        verdict,
                        table,
                        sizes,
                    },
                ));
            }
        })?;
        each(
            self.ports,
            "ports",
            |k: types::port_key, v: types::port_verdict| {
                ports.extend(port_key_back(&k).zip(abi::verdict_back(&v)));
            },
        )?;
        each(
            self.prefixes,
            "prefixes",
            |k: types::prefix_key, v: types::prefix_value| {
                let peer = Peer(v.peer);
                let value = abi::class(v.class).map(|class| PrefixValue { peer, class });
                prefixes.extend(prefix_back(&k).zip(value));
            },
        )?;
        let mut kept = Vec::new();
        each(self.kept_rules, "kept_rules", |rule: u32, _: u32| kept.push(rule))?;
        Ok(Compiled {
            kept: kept.into_iter().collect(),
            rows: rows.into_iter().collect(),
            ports: ports.into_iter().collect(),
            prefixes: prefixes.into_iter().collect(),
            ..Compiled::default()
        })
    }
}

fn each<K: abi::Plain, V: abi::Plain>(
    map: &impl MapCore,
    name: &'static str,
    mut visit: impl FnMut(K, V),
) -> Result<()> {
    batch::read(map, |key, value| {
        if let (Some(k), Some(v)) = (read(key), read(value)) {
            visit(k, v);
        }
    })
    .map_err(Error::map(name, "read"))
}

/// A step's key, and its value if it sets one.
fn lay_out(step: &Step, keys: &mut Vec<u8>, values: &mut Vec<u8>) {
    match step {
        Step::SetPort(key, value) => {
            keys.extend_from_slice(bytes(&port_key(key)));
            values.extend_from_slice(bytes(&abi::verdict(value)));
        }
        Step::SetRow(key, value) => {
            keys.extend_from_slice(bytes(&abi::row_key(key)));
            values.extend_from_slice(bytes(&abi::row(value)));
        }
        Step::SetPrefix(net, value) => {
            keys.extend_from_slice(bytes(&prefix_key(net)));
            values.extend_from_slice(bytes(&prefix_value(value)));
        }
        Step::SetKept(rule) => {
            keys.extend_from_slice(bytes(rule));
            values.extend_from_slice(bytes(&1_u32));
        }
        Step::DropKept(rule) => keys.extend_from_slice(bytes(rule)),
        Step::DropPort(key) => keys.extend_from_slice(bytes(&port_key(key))),
        Step::DropRow(key) => keys.extend_from_slice(bytes(&abi::row_key(key))),
        Step::DropPrefix(net) => keys.extend_from_slice(bytes(&prefix_key(net))),
    }
}

// === keys ===

fn port_key(key: &PortKey) -> types::port_key {
    types::port_key {
        table: key.table,
        block: (u32::from(key.protocol.0) << 16 | u32::from(key.port)) << 1
            | 1 << (24 - key.bits.clamp(8, 24)),
    }
}

fn port_key_back(key: &types::port_key) -> Option<PortKey> {
    let bits = 24_u32.checked_sub(key.block.trailing_zeros())?;
    let first = (key.block & (key.block - 1)) >> 1;
    Some(PortKey {
        table: key.table,
        protocol: Protocol(u8::try_from(first >> 16).ok()?),
        port: u16::try_from(first & 0xffff).ok()?,
        bits: u8::try_from(bits).ok()?,
    })
}

const V4_IN_V6: u8 = 96;

fn prefix_key(net: &IpNet) -> types::prefix_key {
    let mapped = if net.addr().is_ipv4() { V4_IN_V6 } else { 0 };
    types::prefix_key {
        bits: u32::from(mapped + net.prefix_len()),
        addr: abi::mapped(net.network()).octets(),
    }
}

fn prefix_back(key: &types::prefix_key) -> Option<IpNet> {
    let v6 = std::net::Ipv6Addr::from(key.addr);
    let bits = u8::try_from(key.bits).ok()?;
    let ip = if bits >= V4_IN_V6 {
        IpAddr::V6(v6).to_canonical()
    } else {
        IpAddr::V6(v6)
    };
    IpNet::new(ip, if ip.is_ipv4() { bits - V4_IN_V6 } else { bits }).ok()
}

fn prefix_value(value: &PrefixValue) -> types::prefix_value {
    types::prefix_value {
        peer: value.peer.0,
        class: value.class as u32,
    }
}
