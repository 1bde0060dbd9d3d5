//! What a connection carried is told when it has ended, by the end that a program sees.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a test fails by panicking; the support serves several files"
)]

mod support;

use cofferdam_datapath::Closed;
use support::{Stage, identity, peer};

#[test]
fn peer_process() {
    if let Ok(words) = std::env::var(peer::WORDS) {
        peer::play(&words);
    }
}

fn told(stage: &mut Stage) -> Vec<Closed> {
    stage.datapath().closed().unwrap()
}

/// G-TOTALS: both ends of each connection are summed up, and nothing that was denied.
#[test]
fn root_what_connections_carried_is_told_once() {
    let mut stage = Stage::new();
    let server_dir = stage.workload("server", 1, &[identity(2)]);
    let friend = stage.workload("friend", 2, &[]);
    let stranger = stage.workload("stranger", 3, &[]);
    for ip in ["127.0.0.1", "::1"] {
        let server = stage.serve(&server_dir, "tcp-serve", ip);
        for _ in 0..5 {
            assert!(stage.ask(&friend, &format!("tcp {}", server.address)).ok);
        }
        assert!(!stage.ask(&stranger, &format!("tcp {}", server.address)).ok);
        std::thread::sleep(std::time::Duration::from_millis(100));
        let all = told(&mut stage);
        println!("{all:#?}");
        let [by_client, by_server]: [&Closed; 2] = [None, Some(server.address.ip())].map(|from| {
            let mut found = all.iter().filter(|one| one.from == from);
            let one = found.next().unwrap();
            assert!(found.next().is_none(), "{all:?}");
            one
        });
        assert_eq!((by_client.connections, by_server.connections), (5, 5));
        assert_eq!(
            (by_client.destination, by_server.destination),
            (server.address, server.address)
        );
        assert_ne!(by_client.cgroup, by_server.cgroup);
        assert_eq!((by_client.bytes_in, by_client.bytes_out), (5, 0));
        assert_eq!(by_client.bytes_in, by_server.bytes_out);
        assert_eq!(by_client.bytes_out, by_server.bytes_in);
        assert!(
            by_client.packets_in >= 5 && by_client.packets_out >= 10,
            "{by_client:?}"
        );
        assert_eq!(by_client.retransmits, 0);
        assert!((1..5_000_000).contains(&by_client.rtt_us), "{by_client:?}");
        assert_eq!(told(&mut stage), [], "told once");
    }
}
