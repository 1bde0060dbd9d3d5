//! Ports of which the same is said.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cofferdam_policy::containment::BindTo;
use cofferdam_policy::{PortRange, Protocol};

use crate::abi::{address, types};

/// Whether these ports contain those.
pub(super) fn covers(all: &PortRange, some: &PortRange) -> bool {
    let protocol = all.protocol == Protocol::ANY || all.protocol == some.protocol;
    protocol && all.first <= some.first && some.last <= all.last
}

/// What one item says of its ports.
pub(super) struct Said {
    pub(super) ports: PortRange,
    pub(super) to: Option<BindTo>,
    pub(super) flag: u32,
}

/// Ports between which nothing changes are one span.
pub(super) fn spans_of(protocol: Protocol, said: &[Said]) -> Vec<Span> {
    let said: Vec<&Said> = said
        .iter()
        .filter(|one| [protocol, Protocol::ANY].contains(&one.ports.protocol))
        .collect();
    let changes = said
        .iter()
        .flat_map(|one| [u32::from(one.ports.first), u32::from(one.ports.last) + 1]);
    let changes: Vec<u32> = changes.collect::<BTreeSet<_>>().into_iter().collect();
    let spans = changes.windows(2).filter_map(|pair| {
        let first = u16::try_from(*pair.first()?).ok()?;
        let last = u16::try_from(pair.last()? - 1).ok()?;
        let mut span = Span {
            protocol,
            first,
            last,
            flags: 0,
            to: None,
            v4: None,
            v6: None,
        };
        let about = said
            .iter()
            .filter(|one| one.ports.first <= first && last <= one.ports.last);
        about.for_each(|one| span.add(one));
        (span.flags != 0).then_some(span)
    });
    spans.collect()
}

/// Ports of which the same is said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) protocol: Protocol,
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) flags: u32,
    /// Where the first one really is.
    pub(super) to: Option<u16>,
    pub(super) v4: Option<Ipv4Addr>,
    pub(super) v6: Option<Ipv6Addr>,
}

// === impl Span ===

impl Span {
    fn add(&mut self, said: &Said) {
        self.flags |= said.flag;
        let Some(to) = said.to else { return };
        self.to = Some(to.first.saturating_add(self.first - said.ports.first));
        match to.address {
            None => {}
            Some(IpAddr::V4(v4)) => self.v4 = Some(v4),
            Some(IpAddr::V6(v6)) => self.v6 = Some(v6),
        }
    }

    pub(super) fn place(&self, first: u16, to: u16) -> types::place {
        use types::place_flag as flag;
        let v4 = self.v4.map_or(0, |_| flag::PLACE_V4.0);
        let v6 = self.v6.map_or(0, |_| flag::PLACE_V6.0);
        types::place {
            first,
            to,
            flags: self.flags | v4 | v6,
            addr4: self.v4.map(|v4| address(v4.into())).unwrap_or_default(),
            addr6: self.v6.map(|v6| address(v6.into())).unwrap_or_default(),
        }
    }
}
