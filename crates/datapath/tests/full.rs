//! G-MAP-FULL: each bounded map filled to the brim. Whoever has an entry keeps its verdicts; what finds no room is
//! closed, or judged by the packet hooks, and the daemon is told.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a test fails by panicking; the support serves several files"
)]

use std::fs;
use std::path::{Path, PathBuf};

use cofferdam_datapath::{Published, netns_cookie};
use cofferdam_policy::Protocol;
use libbpf_rs::{MapCore, MapFlags, MapHandle, MapType};

mod support;

use support::net::{BRIDGE, Net};
use support::{Server, Stage, ask_in, entry, identity, peer, rows, serve_in};

#[test]
fn peer_process() {
    if let Ok(words) = std::env::var(peer::WORDS) {
        peer::play(&words);
    }
}

/// Servers of one workload in the host's namespace and on a bridge; a friend and another workload in both places.
struct Town {
    net: Net,
    stage: Stage,
    friend: PathBuf,
    other: PathBuf,
    stranger: PathBuf,
    bridged: PathBuf,
    /// (TCP, UDP) in the host's namespace, and on the bridge.
    servers: [[Server; 2]; 2],
}

impl Town {
    fn new() -> Self {
        let mut net = Net::new();
        let (home, [at, _]) = net.add_container(None);
        let (bridged, [client_at, _]) = net.add_container(None);
        let host = net.path("host");
        let mut stage = Stage::inside(&host);
        let cookie = |path: &Path| netns_cookie(&fs::File::open(path).unwrap()).unwrap();
        let gateway = BRIDGE[0].parse().unwrap();
        let places = [
            (at, cookie(&home)),
            (client_at, cookie(&bridged)),
            (gateway, cookie(&host)),
        ];
        stage.datapath().set_namespace_addresses(&places).unwrap();
        let server_dir = stage.workload("server", 1, &[identity(2)]);
        let friend = stage.workload("friend", 2, &[identity(1)]);
        let other = stage.workload("other", 3, &[]);
        let stranger = stage.folder("stranger");
        let serve = |netns: &Path, at: &str| {
            ["tcp-serve", "udp-serve"].map(|kind| serve_in(netns, &server_dir, kind, at))
        };
        let servers = [serve(&host, "127.0.0.1"), serve(&home, &at.to_string())];
        Self {
            net,
            stage,
            friend,
            other,
            stranger,
            bridged,
            servers,
        }
    }

    /// What is wrong with the traffic of those who had an entry before.
    fn wrong(&self) -> Vec<String> {
        let host = self.net.path("host");
        let mut wrong = Vec::new();
        for (place, [tcp, udp]) in self.servers.iter().enumerate() {
            for words in [
                format!("tcp {}", tcp.address),
                format!("udp-connected {}", udp.address),
            ] {
                // The host's loopback cannot be reached from the bridge.
                let clients: &[&PathBuf] = if place == 0 {
                    &[&host]
                } else {
                    &[&host, &self.bridged]
                };
                for netns in clients {
                    for (who, dir, may) in [
                        ("friend", &self.friend, true),
                        ("other", &self.other, false),
                        ("stranger", &self.stranger, false),
                    ] {
                        let outcome = ask_in(netns, dir, &words);
                        if outcome.ok != may {
                            wrong.push(format!("{who} in {}: {words}: {outcome:?}", netns.display()));
                        }
                    }
                }
            }
        }
        wrong
    }

    fn map(&self, name: &str) -> Filled {
        let found = pins(&self.stage.bpffs)
            .into_iter()
            .find(|p| p.ends_with(name))
            .unwrap();
        Filled::to_the_brim(&found)
    }
}

/// A map with entries of ours in every place that was free.
struct Filled {
    name: String,
    map: MapHandle,
    keys: Vec<Vec<u8>>,
}

impl Filled {
    fn to_the_brim(pin: &Path) -> Self {
        let map = MapHandle::from_pinned_path(pin).unwrap();
        let (size, value) = (map.key_size() as usize, vec![0; map.value_size() as usize]);
        let evicts = map.map_type() == MapType::LruHash;
        let trie = map.map_type() == MapType::LpmTrie;
        // Twice as many as an LRU holds, so that nothing of before is left.
        let most = map.max_entries() * if evicts { 2 } else { 1 };
        let mut keys = Vec::new();
        for number in 0..most {
            // Keys that nobody uses: every byte but the number's is set.
            let mut key = vec![0xfd; size];
            let at = size - 4;
            key[at..].copy_from_slice(&number.to_ne_bytes());
            if trie {
                key[..4].copy_from_slice(&u32::try_from((size - 4) * 8).unwrap().to_ne_bytes());
            }
            match map.update(&key, &value, MapFlags::ANY) {
                Ok(()) => keys.push(key),
                Err(error) => {
                    assert!(!evicts, "{}: {error}", pin.display());
                    break;
                }
            }
        }
        let name = pin.file_name().unwrap().to_string_lossy().into_owned();
        Self { name, map, keys }
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        for key in &self.keys {
            // What an LRU has evicted is gone already.
            self.map.delete(key).ok();
        }
    }
}

/// Every pinned map that can be full; arrays cannot, and the ring has its own test.
fn pins(bpffs: &Path) -> Vec<PathBuf> {
    let version = fs::read_dir(bpffs).unwrap().next().unwrap().unwrap().path();
    let mut all: Vec<PathBuf> = fs::read_dir(version.join("maps"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|pin| {
            let kind = MapHandle::from_pinned_path(pin).unwrap().map_type();
            matches!(kind, MapType::Hash | MapType::LruHash | MapType::LpmTrie)
        })
        .collect();
    all.sort();
    all
}

/// G-MAP-FULL: whichever map is full, those who had an entry before reach whom they may and nobody else.
#[test]
fn root_a_full_map_changes_no_verdict() {
    let town = Town::new();
    assert_eq!(town.wrong(), Vec::<String>::new(), "before");
    let pins = pins(&town.stage.bpffs);
    assert!(pins.len() > 10, "{pins:?}");
    let mut all = Vec::new();
    for pin in pins {
        let filled = Filled::to_the_brim(&pin);
        let wrong = town.wrong();
        println!(
            "\nsoak: {} full with {} entries: {} wrong",
            filled.name,
            filled.keys.len(),
            wrong.len()
        );
        all.extend(wrong.into_iter().map(|w| format!("{} is full: {w}", filled.name)));
    }
    assert!(all.is_empty(), "{all:#?}");
}

/// G-MAP-FULL: what the daemon writes and finds no room is an error that it can report; nothing else changes.
#[test]
fn root_a_full_map_is_an_error_for_the_daemon() {
    let mut town = Town::new();
    let folder = town.stage.folder("late");
    let netns = netns_cookie(&fs::File::open(town.net.path("host")).unwrap()).unwrap();
    let port = Published {
        protocol: Protocol::TCP,
        host_ip: None,
        host_port: 7,
        target_netns: netns,
        target_ip: None,
        container_port: 7,
    };
    let full = town.map("entries");
    assert!(town.stage.datapath().bind(&folder, &entry(2)).is_err());
    drop(full);
    let full = town.map("announcements");
    assert!(
        town.stage
            .datapath()
            .announce(&"a".repeat(64), &entry(2))
            .is_err()
    );
    drop(full);
    let full = town.map("watched_parents");
    assert!(town.stage.datapath().watch_parent(&folder).is_err());
    drop(full);
    for name in ["rows", "prefixes"] {
        let full = town.map(name);
        let mut steps = rows(9, &[]);
        if name == "prefixes" {
            let net = "198.51.100.0/24".parse().unwrap();
            let class = cofferdam_policy::PeerClass::World;
            let peer = cofferdam_policy::Peer(class as u32);
            steps = vec![cofferdam_policy::Step::SetPrefix(
                net,
                cofferdam_policy::PrefixValue { peer, class },
            )];
        }
        assert!(town.stage.datapath().apply(&steps).is_err(), "{name}");
        drop(full);
    }
    let full = town.map("owners");
    assert!(
        town.stage
            .datapath()
            .set_namespace_owners(&[(1, entry(2))])
            .is_err()
    );
    drop(full);
    let full = town.map("published_ports");
    assert!(town.stage.datapath().set_published(&[port]).is_err());
    drop(full);
    assert_eq!(town.wrong(), Vec::<String>::new(), "afterwards");
}

/// G-MAP-FULL: a cgroup for which there is no entry is a stranger: no protected workload lets it in, and it is counted.
#[test]
fn root_a_full_map_of_cgroups_lets_nobody_in() {
    let mut town = Town::new();
    let parent = town.stage.folder("docker");
    town.stage.datapath().watch_parent(&parent).unwrap();
    let id = "c".repeat(64);
    town.stage.datapath().announce(&id, &entry(2)).unwrap();
    let before = town.stage.datapath().losses().unwrap().entries;
    let full = town.map("entries");
    let newcomer = town.stage.folder(&format!("docker/{id}"));
    let to = format!("tcp {}", town.servers[0][0].address);
    let outcome = town.stage.ask(&newcomer, &to);
    assert!(outcome.denied(), "{outcome:?}");
    let lost = town.stage.datapath().losses().unwrap().entries - before;
    println!("\nsoak: entries full: a new cgroup is refused by the protected, {lost} counted");
    assert!(lost > 0);
    drop(full);
}

/// G-MAP-FULL: a listener that is in no directory is guarded by the packet hooks, and it is counted.
#[test]
fn root_a_full_map_of_listeners_leaves_the_packet_hooks() {
    for name in ["listeners", "bound_sockets"] {
        let mut town = Town::new();
        let server_dir = town.stage.folder("server");
        let before = town.stage.datapath().losses().unwrap().listeners;
        let full = town.map(name);
        let server = town.stage.serve(&server_dir, "tcp-serve", "127.0.0.1");
        let to = format!("tcp {}", server.address);
        assert!(town.stage.ask(&town.friend, &to).ok, "{name}");
        for dir in [&town.other, &town.stranger] {
            let outcome = town.stage.ask(dir, &to);
            assert!(!outcome.ok, "{name}: {outcome:?}");
        }
        let lost = town.stage.datapath().losses().unwrap().listeners - before;
        println!("\nsoak: {name} full: a new listener is guarded by the packet hooks, {lost} counted");
        assert!(lost > 0, "{name}");
        drop(full);
    }
}
