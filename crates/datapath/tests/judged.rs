//! A connect that was judged before is not judged again: it is counted, and trusted no longer than the policy and the
//! listener are the same.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a test fails by panicking; the support serves several files"
)]

mod support;

use support::{Stage, identity, peer, rows};

#[test]
fn peer_process() {
    if let Ok(words) = std::env::var(peer::WORDS) {
        peer::play(&words);
    }
}

/// How often workload 2 was recorded as allowed to workload 1 since the last call.
fn recorded(stage: &mut Stage) -> usize {
    let flows = stage.flows().into_iter();
    flows
        .filter(|flow| (flow.from.workload, flow.to.workload) == (2, 1))
        .count()
}

/// G-REPEATS: every allowed connect is in the records, as one of its own or as a repeat of one, and in no two.
#[test]
fn root_each_repeat_is_counted() {
    let mut stage = Stage::new();
    let server_dir = stage.workload("server", 1, &[identity(2)]);
    let friend = stage.workload("friend", 2, &[]);
    for ip in ["127.0.0.1", "::1"] {
        let server = stage.serve(&server_dir, "tcp-serve", ip);
        for _ in 0..12 {
            assert!(stage.ask(&friend, &format!("tcp {}", server.address)).ok);
        }
        assert_eq!(recorded(&mut stage), 12, "{ip}");
        assert_eq!(recorded(&mut stage), 0, "{ip}: told once");
    }
}

/// G-KNOWN-VERDICT: the verdict about one listener says nothing about the next at that address.
#[test]
fn root_a_known_verdict_is_for_its_listener() {
    let mut stage = Stage::new();
    let open = stage.workload("server", 1, &[identity(2)]);
    let friend = stage.workload("friend", 2, &[]);
    let closed = stage.workload("closed", 3, &[]);
    let server = stage.serve(&open, "tcp-serve", "127.0.0.1");
    let to = format!("tcp {}", server.address);
    assert!(stage.ask(&friend, &to).ok);
    assert!(stage.ask(&friend, &to).ok);
    let at = server.address;
    drop(server);
    let _other = stage.serve(&closed, "tcp-serve", &at.to_string());
    let outcome = stage.ask(&friend, &to);
    assert!(!outcome.ok, "{outcome:?}");
    drop(_other);
    let _again = stage.serve(&open, "tcp-serve", &at.to_string());
    assert!(stage.ask(&friend, &to).ok, "and it is not forgotten either");
}

/// G-KNOWN-VERDICT: nor about the time after a change of the policy.
#[test]
fn root_a_new_policy_asks_again() {
    let mut stage = Stage::new();
    let server_dir = stage.workload("server", 1, &[identity(2)]);
    let friend = stage.workload("friend", 2, &[]);
    let server = stage.serve(&server_dir, "tcp-serve", "127.0.0.1");
    let to = format!("tcp {}", server.address);
    assert!(stage.ask(&friend, &to).ok);
    let closed: Vec<_> = rows(1, &[])
        .into_iter()
        .chain([cofferdam_policy::Step::DropRow(cofferdam_policy::RowKey {
            subject: 1,
            peer: identity(2),
            direction: cofferdam_policy::Direction::Ingress,
            plane: cofferdam_policy::Plane::FIRST,
        })])
        .collect();
    stage.datapath().apply(&closed).unwrap();
    let outcome = stage.ask(&friend, &to);
    assert!(outcome.denied_at_once(), "{outcome:?}");
    stage.datapath().apply(&rows(1, &[identity(2)])).unwrap();
    assert!(stage.ask(&friend, &to).ok);
}
