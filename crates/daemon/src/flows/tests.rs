//! The ring keeps the newest, folds repeats, answers queries and feeds followers.

use std::sync::Arc;

use cofferdam_api::{Class, FlowCounts, FlowQuery, FlowView, Timestamp, Totals};
use cofferdam_policy::{Action, Direction, Peer, PeerClass, Protocol, Reason, Verdict};

use super::{FlowStore, Key, Record, Way};
use crate::enforcer::{EndPoint, FlowEvent, Hook};
use crate::names::{End, Named, Names};

fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + milliseconds).unwrap()
}

fn event(port: u16) -> FlowEvent {
    FlowEvent {
        time_ns: 0,
        verdict: Verdict {
            observed: false,
            action: Action::Deny,
            reason: Reason::Rule,
            direction: Some(Direction::Ingress),
            rule: 1,
        },
        observed: false,
        hook: Hook::Connect,
        from: EndPoint {
            peer: Peer(1),
            workload: 0,
            cgroup: 9,
        },
        to: EndPoint {
            peer: Peer(256),
            workload: 1,
            cgroup: 10,
        },
        protocol: Protocol::TCP,
        source: "0.0.0.0:0".parse().unwrap(),
        destination: ([127, 0, 0, 1], port).into(),
        inner_port: None,
        object: None,
        pid: 7,
        comm: "curl".into(),
    }
}

pub(super) fn add(store: &mut FlowStore, milliseconds: i64, port: u16) {
    let event = event(port);
    let key = Key::of(&event);
    if store.fold(&key, 1, time(milliseconds), event.pid, &event.comm) {
        return;
    }
    store.push(key, 1, record(&event, milliseconds));
}

fn record(event: &FlowEvent, milliseconds: i64) -> Record {
    let web = Named {
        name: "web".into(),
        namespace: "default".into(),
        labels: Arc::new([("app".to_owned(), "web".to_owned())].into()),
        identity: Some(256),
        who: String::new(),
        network: "host".into(),
    };
    Record {
        time: time(milliseconds),
        verdict: event.verdict,
        observed: event.observed,
        hook: event.hook,
        from: End {
            class: Class::Host,
            named: None,
        },
        to: End {
            class: Class::Workload,
            named: Some(Arc::new(web)),
        },
        protocol: event.protocol,
        source: event.source,
        destination: event.destination,
        inner_port: None,
        dns: None,
        object: None,
        pid: event.pid,
        comm: event.comm.as_str().into(),
        rule: None,
        allow_with: Some("label on app=web: cofferdam.ingress=host:80".into()),
    }
}

#[test]
fn repeats_within_a_second_are_one_record() {
    let mut store = FlowStore::new(100);
    for milliseconds in [0, 10, 999, 1000, 1001] {
        add(&mut store, milliseconds, 80);
    }
    add(&mut store, 1002, 81);
    let flows = store.query(&FlowQuery::default());
    let counts: Vec<_> = flows
        .iter()
        .map(|flow| (flow.destination.port(), flow.repeats))
        .collect();
    assert_eq!(counts, [(80, 3), (80, 2), (81, 1)]);
    assert_eq!(flows[0].time, time(999), "the last time it happened");
}

#[test]
fn the_oldest_go_and_folding_survives_it() {
    let mut store = FlowStore::new(3);
    for port in 1..=10 {
        add(&mut store, 0, port);
    }
    add(&mut store, 1, 10);
    add(&mut store, 1, 1);
    let ports: Vec<_> = store
        .query(&FlowQuery::default())
        .iter()
        .map(|f| (f.destination.port(), f.repeats))
        .collect();
    assert_eq!(ports, [(9, 1), (10, 2), (1, 1)]);
    store.resize(1, crate::config::Flows::default().limits());
    assert_eq!(store.query(&FlowQuery::default()).len(), 1);
    assert_eq!(store.newest.len(), 1, "no key outlives its record");
}

#[test]
fn a_record_reads_as_it_should() {
    let mut store = FlowStore::new(3);
    add(&mut store, 0, 80);
    let flow = store
        .query(&FlowQuery {
            to: Some("app=web".into()),
            ..FlowQuery::default()
        })
        .remove(0);
    assert_eq!(
        (flow.reason.as_str(), flow.hook.as_str(), flow.protocol.as_str()),
        ("rule", "connect4", "tcp")
    );
    assert_eq!(
        (flow.source, flow.comm.as_deref(), flow.to.name.as_deref()),
        (None, Some("curl"), Some("web"))
    );
    let none = store.query(&FlowQuery {
        from: Some("lan".into()),
        ..FlowQuery::default()
    });
    assert!(none.is_empty());
    let last = store.query(&FlowQuery {
        limit: Some(1),
        ..FlowQuery::default()
    });
    assert_eq!(last.len(), 1);
}

#[test]
fn a_follower_gets_new_records_and_no_repeats() {
    let mut store = FlowStore::new(3);
    let mut feed = store.follow(false);
    for milliseconds in [0, 1, 2] {
        add(&mut store, milliseconds, 80);
    }
    assert_eq!(feed.try_recv().unwrap().destination.port(), 80);
    assert!(feed.try_recv().is_err());
}

#[test]
fn who_asks_for_updates_is_told_again_what_has_grown() {
    let mut store = FlowStore::new(100);
    let mut feed = store.follow(true);
    allow(&mut store, 7, 81);
    for milliseconds in [0, 1, 2] {
        add(&mut store, milliseconds, 80);
    }
    store.ended(&way(70, false, 81), &carried(1, 100));
    store.hand_over_now();
    let told = |feed: &mut tokio::sync::broadcast::Receiver<FlowView>| {
        let flow = feed.try_recv().ok()?;
        let bytes = flow.totals.map(|totals| totals.bytes_sent);
        Some((flow.destination.port(), flow.repeats, bytes))
    };
    let all: Vec<_> = std::iter::from_fn(|| told(&mut feed)).collect();
    assert_eq!(
        all,
        [(81, 1, None), (80, 1, None), (81, 1, Some(100)), (80, 3, None)],
        "each as it came, then, once, what has grown"
    );
    store.hand_over_now();
    assert_eq!(told(&mut feed), None);
}

#[test]
fn counts_are_exact_whatever_becomes_of_records() {
    let mut store = FlowStore::new(2);
    for port in 1..=50 {
        add(&mut store, 0, port);
        add(&mut store, 1, port);
        allow(&mut store, 7, port);
    }
    let counts = |flows, denials| FlowCounts { flows, denials };
    assert_eq!(store.counts.all(), counts(150, 100));
    assert_eq!(store.counts.of(1), counts(150, 100));
    assert_eq!(store.counts.of(7), counts(50, 0));
    assert_eq!(store.counts.of(0), counts(0, 0), "strangers have none");
    for workload in 100..300 {
        allow(&mut store, workload, 80);
    }
    store.counts.forget([7, 9].into_iter());
    assert_eq!(store.counts.of(7), counts(50, 0));
    assert_eq!(store.counts.of(299), counts(0, 0), "it is gone");
}

fn named(name: &str) -> Named {
    Named {
        name: name.into(),
        namespace: "shop".into(),
        labels: Default::default(),
        identity: Some(300),
        who: String::new(),
        network: "bridge".into(),
    }
}

#[test]
fn names_outlive_their_workloads() {
    let mut names = Names::default();
    names.learn("container:web", (5, 500), named("web"));
    names.forget("container:web");
    let end = |peer, workload, cgroup| names.end(Peer(peer), workload, cgroup, || PeerClass::Lan);
    assert_eq!(end(300, 5, 0).named.unwrap().name, "web");
    assert_eq!(
        (end(300, 5, 0).class, end(1, 0, 500).class),
        (Class::Workload, Class::Host)
    );
    assert_eq!(
        end(1, 0, 500).named.unwrap().name,
        "web",
        "an unprotected one is known by its cgroup"
    );
    assert_eq!(
        end(1 << 24, 0, 0),
        End {
            class: Class::Lan,
            named: None
        },
        "a named prefix is its class"
    );
}

#[test]
fn names_of_many_starts_are_forgotten() {
    let mut names = Names::default();
    // A service that starts again and again, among containers that come and go.
    for start in 1..5000_u32 {
        let number = 10 + start;
        let web = (5, 1 << 20 | u64::from(start));
        names.learn("unit:web", web, named("web"));
        let one = (number, 1 << 40 | u64::from(start));
        names.learn(&format!("container:{start}"), one, named(&start.to_string()));
        names.forget(&format!("container:{start}"));
    }
    let (numbers, cgroups) = names.sizes();
    assert!(
        numbers < 1100 && cgroups < 1100,
        "{numbers} numbers, {cgroups} cgroups"
    );
    let end = |number, cgroup| names.end(Peer(300), number, cgroup, || PeerClass::Lan).named;
    assert_eq!(end(5, 0).unwrap().name, "web", "it lives");
    assert_eq!(end(0, 1 << 20 | 4999).unwrap().name, "web");
    assert_eq!(end(5009, 0).unwrap().name, "4999", "the last ones are remembered");
    assert_eq!(end(0, 1 << 40 | 1), None);
}

/// A connection of workload 7 in cgroup 70 to workload 1 in cgroup 10; with 0 it is a stranger's.
pub(super) fn allow(store: &mut FlowStore, workload: u32, port: u16) {
    let mut event = event(port);
    event.verdict.action = Action::Allow;
    event.from.workload = workload;
    event.from.cgroup = u64::from(workload) * 10;
    let mut record = record(&event, 0);
    record.allow_with = None;
    store.push(Key::of(&event), 1, record);
}

pub(super) fn way(cgroup: u64, accepted: bool, port: u16) -> Way {
    Way {
        cgroup,
        accepted,
        destination: ([127, 0, 0, 1], port).into(),
    }
}

pub(super) fn carried(connections: u64, bytes: u64) -> Totals {
    Totals {
        connections,
        bytes_sent: bytes,
        rtt_us: bytes,
        end: time(i64::try_from(bytes).unwrap()),
        ..Totals::default()
    }
}

#[test]
fn what_connections_carried_is_their_records() {
    let mut store = FlowStore::new(100);
    allow(&mut store, 7, 80);
    allow(&mut store, 0, 81);
    store.ended(&way(70, false, 80), &carried(1, 100));
    store.ended(&way(70, false, 80), &carried(3, 500));
    store.ended(&way(10, true, 81), &carried(1, 9));
    // Nobody's, and the other end of what is told already.
    store.ended(&way(71, false, 80), &carried(1, 1));
    store.ended(&way(10, true, 80), &carried(4, 600));
    let flows = store.query(&FlowQuery::default());
    let totals = flows[0].totals.unwrap();
    assert_eq!((totals.connections, totals.bytes_sent), (4, 600));
    assert_eq!(totals.rtt_us, (100 + 3 * 500) / 4, "the mean");
    assert_eq!((totals.end, totals.duration_ms), (time(500), 500));
    assert_eq!(flows[1].totals.unwrap().bytes_sent, 9);
    // A server that both reach does not tell whose bytes they were.
    allow(&mut store, 7, 81);
    store.ended(&way(10, true, 81), &carried(1, 9));
    assert_eq!(
        store.query(&FlowQuery::default())[1].totals.unwrap().bytes_sent,
        9
    );
}

/// G-EXPORT: settled records are taken once each, and their repeats are all that happened, also where the ring is too small.
#[test]
fn settled_records_are_all_that_happened() {
    let mut store = FlowStore::new(3);
    add(&mut store, 0, 80);
    store.settle(true);
    let mut sum = 0;
    let mut take = |store: &mut FlowStore, age: u64, now: i64| {
        let (flows, lost) = store.settled(std::time::Duration::from_millis(age), time(now));
        assert_eq!(lost, 0);
        sum += flows.iter().map(|flow| flow.repeats).sum::<u64>();
        flows
            .iter()
            .map(|flow| flow.destination.port())
            .collect::<Vec<_>>()
    };
    for port in [1, 2, 1, 1] {
        add(&mut store, 100, port);
    }
    assert_eq!(take(&mut store, 1200, 1299), [0; 0], "not yet");
    assert_eq!(take(&mut store, 1200, 1300), [1, 2]);
    add(&mut store, 1050, 1);
    for port in 10..15 {
        add(&mut store, 1400, port);
    }
    assert_eq!(take(&mut store, 1200, 1500), [1, 10, 11], "what the ring let go");
    assert_eq!(take(&mut store, 0, 1500), [12, 13, 14], "at the end");
    assert_eq!(sum, 4 + 6);
}
