//! Flows folded to edges: for each subject and direction, which peer on which port, and what was seen of it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use cofferdam_policy::{Direction, PeerClass, Protocol};

use crate::selector::{Key, Known};
use crate::{End, Evidence, Flow, LeftOut, Seen, Workload};

/// The other end of an edge.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Other {
    /// Protected workloads that are alike.
    Workloads(Key),
    /// Anybody else, by address.
    Outside(PeerClass, IpAddr),
}

/// A protocol and a port; of ICMP, a type.
pub(crate) type Port = (Protocol, u16);

/// By peer and port.
pub(crate) type Peers = BTreeMap<Other, BTreeMap<Port, Evidence>>;

/// What was seen of workloads that are alike.
#[derive(Default)]
pub(crate) struct Subject {
    directions: BTreeMap<Direction, Peers>,
    /// How often they were refused, or refused somebody.
    pub(crate) refused: u64,
}

/// Every subject, and what cannot be said.
pub(crate) fn fold(seen: Seen<'_>, known: &Known) -> (BTreeMap<Key, Subject>, Vec<LeftOut>) {
    let mut subjects: BTreeMap<Key, Subject> = BTreeMap::new();
    let mut left_out: BTreeMap<(String, String, String, String), u64> = BTreeMap::new();
    for flow in seen.passed {
        let mut leave = |why: String| {
            let (from, to) = (flow.from.name(), flow.to.name());
            *left_out.entry((from, to, what(flow), why)).or_default() += flow.times;
        };
        if let Some(why) = unspeakable(flow) {
            leave(why);
            continue;
        }
        for (end, direction, other) in flow.ends() {
            let End::Workload(subject) = end else { continue };
            if let Some(why) = known.unselectable(subject) {
                leave(why);
                continue;
            }
            let subject = subjects.entry(Key::of(subject)).or_default();
            subject.saw(flow, direction, other);
        }
    }
    for flow in seen.refused {
        for (end, ..) in flow.ends() {
            if let End::Workload(subject) = end
                && known.unselectable(subject).is_none()
            {
                subjects.entry(Key::of(subject)).or_default().refused += flow.times;
            }
        }
    }
    let left_out = left_out
        .into_iter()
        .map(|((from, to, what, why), times)| LeftOut {
            from,
            to,
            what,
            why,
            times,
        });
    (subjects, left_out.collect())
}

/// Why no rule can be about a flow.
fn unspeakable(flow: &Flow) -> Option<String> {
    const SPOKEN: [Protocol; 4] = [Protocol::TCP, Protocol::UDP, Protocol::ICMP, Protocol::ICMP6];
    if !SPOKEN.contains(&flow.protocol) {
        return Some("rules are about TCP, UDP and ICMP only".to_owned());
    }
    if flow.port == 0 && [Protocol::TCP, Protocol::UDP].contains(&flow.protocol) {
        return Some("its port is not known".to_owned());
    }
    let is_nobody = |end: &End| {
        matches!(end, End::Outside(outside)
            if matches!(outside.class, PeerClass::Pending | PeerClass::Workload))
    };
    [&flow.from, &flow.to]
        .into_iter()
        .any(is_nobody)
        .then(|| "the labels of one end were not known".to_owned())
}

fn what(flow: &Flow) -> String {
    match flow.protocol {
        Protocol::ICMP => format!("icmp:{}", flow.port),
        Protocol::ICMP6 => format!("icmpv6:{}", flow.port),
        protocol => format!("{}/{protocol}", flow.port),
    }
}

// === impl Subject ===

impl Subject {
    pub(crate) fn peers(&self, direction: Direction) -> Option<&Peers> {
        self.directions.get(&direction)
    }

    /// All that passed.
    pub(crate) fn evidence(&self) -> Evidence {
        let mut evidence = Evidence::default();
        let ports = self.directions.values().flat_map(Peers::values);
        ports.flat_map(BTreeMap::values).for_each(|one| evidence.add(one));
        evidence
    }

    fn saw(&mut self, flow: &Flow, direction: Direction, other: &End) {
        let key = match other {
            End::Workload(workload) => Other::Workloads(Key::of(workload)),
            End::Outside(outside) => Other::Outside(outside.class, outside.address.to_canonical()),
        };
        let peers = self.directions.entry(direction).or_default();
        let ports = peers.entry(key).or_default();
        let evidence = ports.entry((flow.protocol, flow.port)).or_default();
        evidence.flow(flow, &other.name());
    }
}

// === impl Flow ===

impl Flow {
    /// Each end, what is decided about it, and the other one.
    fn ends(&self) -> [(&End, Direction, &End); 2] {
        [
            (&self.from, Direction::Egress, &self.to),
            (&self.to, Direction::Ingress, &self.from),
        ]
    }
}

// === impl End ===

impl End {
    /// The name, else the address.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Workload(Workload { name, .. }) => name.clone(),
            Self::Outside(outside) => outside
                .name
                .clone()
                .unwrap_or_else(|| outside.address.to_canonical().to_string()),
        }
    }
}
