use std::net::SocketAddr;

use cofferdam_policy::{Action, Peer, Protocol, Reason, Verdict};

use super::{ROW_NS, gather};
use crate::enforcer::{EndPoint, FlowEvent, Hook};

fn flow(time_ns: u64, source: u16, port: u16) -> FlowEvent {
    let end = |peer| EndPoint {
        peer: Peer(peer),
        workload: 0,
        cgroup: 0,
    };
    FlowEvent {
        time_ns,
        verdict: Verdict {
            action: Action::Allow,
            reason: Reason::Rule,
            direction: None,
            rule: 1,
            observed: false,
        },
        observed: false,
        hook: Hook::Ingress,
        from: end(1),
        to: end(300),
        protocol: Protocol::TCP,
        source: SocketAddr::from(([127, 0, 0, 1], source)),
        destination: SocketAddr::from(([127, 0, 0, 1], port)),
        inner_port: None,
        object: None,
        pid: 0,
        comm: String::new(),
    }
}

/// G-REPEATS: a row of equal records is two, and none of it is forgotten.
#[test]
fn a_row_has_its_first_and_its_last() {
    let mut flows = Vec::new();
    for time in 0..5 {
        gather(
            &mut flows,
            flow(time, 1000 + u16::try_from(time).unwrap_or(0), 80),
        );
    }
    gather(&mut flows, flow(5, 1, 81));
    gather(&mut flows, flow(6, 1, 80));
    let rows: Vec<_> = flows
        .iter()
        .map(|(flow, times)| (flow.time_ns, flow.destination.port(), *times))
        .collect();
    assert_eq!(rows, [(0, 80, 1), (4, 80, 4), (5, 81, 1), (6, 80, 1)]);
}

/// A daemon that was held does not put everything into one moment.
#[test]
fn a_row_is_short() {
    let mut flows = Vec::new();
    for time in 0..10 {
        gather(&mut flows, flow(time * ROW_NS / 4, 1, 80));
    }
    assert_eq!(flows.iter().map(|(_, times)| times).sum::<u64>(), 10);
    assert!(flows.len() >= 4, "{}", flows.len());
    assert_eq!(flows.last().map(|(flow, _)| flow.time_ns), Some(9 * ROW_NS / 4));
}
