//! What a namespace would have given a workload on the host's network, on every kernel.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a test fails by panicking; the support serves several files"
)]

mod support;

use std::path::{Path, PathBuf};

use cofferdam_datapath::{Contained, Entry, loopback};
use cofferdam_policy::Reason;
use cofferdam_policy::containment::{Containment, Level, Loopback};
use cofferdam_policy::labels::directives;
use support::net::Net;
use support::{Stage, entry, identity, peer, rows};

#[test]
fn peer_process() {
    if let Ok(words) = std::env::var(peer::WORDS) {
        peer::play(&words);
    }
}

/// A host of its own, and workloads on its network.
struct Host {
    stage: Stage,
    _net: Net,
    contained: Vec<Contained>,
}

// === impl Host ===

impl Host {
    fn new() -> Self {
        let net = Net::new();
        let stage = Stage::inside(&net.path("host"));
        Self {
            stage,
            _net: net,
            contained: Vec::new(),
        }
    }

    /// One that these labels contain.
    fn contain(&mut self, name: &str, number: u32, labels: &[(&str, &str)]) -> PathBuf {
        let labels = labels
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let read = directives(&labels.collect());
        assert_eq!(read.problems, []);
        let containment: Containment = read.containment.at(Level::Default);
        let one = Contained {
            workload: number,
            loopback: (containment.loopback != Loopback::Host).then_some(number),
            interfaces: Vec::new(),
            declared: Vec::new(),
            containment,
        };
        if let Some(number) = one.loopback {
            let address = format!("{}/128", loopback(number).1);
            let add = ["ip", "-6", "address", "add", &address, "dev", "lo"];
            support::net::in_netns(&self.stage.host, &add);
        }
        let entry = Entry {
            contained: true,
            moved: one.has_moved(),
            on_host: true,
            ..entry(number)
        };
        self.contained.push(one);
        let dir = self.stage.folder(name);
        let contained = self.contained.clone();
        let datapath = self.stage.datapath();
        datapath.apply(&rows(number, &[identity(number)])).unwrap();
        datapath.set_contained(&contained).unwrap();
        datapath.bind(&dir, &entry).unwrap();
        dir
    }

    fn ask(&self, dir: &Path, words: &str) -> peer::Outcome {
        self.stage.ask(dir, words)
    }

    fn has(&mut self, feature: &str) -> bool {
        let features = self.stage.datapath().features();
        features.iter().any(|(name, there)| name == feature && *there)
    }
}

/// G-LOOPBACK
#[test]
fn root_a_private_loopback_is_seen_as_the_hosts() {
    let mut host = Host::new();
    let one = host.contain("one", 1, &[("cofferdam.loopback", "private")]);
    let two = host.contain("two", 2, &[("cofferdam.loopback", "private")]);
    let others = host.stage.folder("others");
    let _theirs = host.stage.serve(&others, "tcp-serve", "127.0.0.1:7001");
    let _theirs6 = host.stage.serve(&others, "tcp-serve", "[::1]:7001");
    for dir in [&one, &two] {
        for at in ["127.0.0.1:7001", "[::1]:7001"] {
            for words in ["mirror", "mirror-udp"] {
                let outcome = host.ask(dir, &format!("{words} {at} {at}"));
                assert!(outcome.ok, "{words} {at} {outcome:?}");
            }
        }
    }
    let outcome = host.ask(&one, "mirror 0.0.0.0:7002 127.0.0.1:7002");
    assert!(outcome.ok, "a wildcard stays one: {outcome:?}");
    let outcome = host.ask(&others, "tcp 127.0.0.1:7001");
    assert!(outcome.ok, "strangers have theirs: {outcome:?}");
    // Somebody's private address is a place like any other: it is judged who comes, and nobody else is there.
    let server = host.stage.serve(&one, "tcp-serve", "127.0.0.1:7003");
    assert_eq!(server.address.to_string(), "127.0.0.1:7003");
    let there = format!("{}:7003", loopback(1).0);
    for (dir, words) in [(&two, format!("tcp {there}")), (&others, format!("tcp {there}"))] {
        assert!(host.ask(dir, &words).denied_at_once(), "{words}");
    }
    let outcome = host.ask(&two, &format!("bind-udp {there}"));
    assert!(outcome.denied(), "{outcome:?}");
}

/// G-PORTS: a moved port is the workload's own port to it and to rules, the real one to everybody else.
#[test]
fn root_a_port_may_really_be_another() {
    let mut host = Host::new();
    let one = host.contain("one", 1, &[("cofferdam.bind", "7001=7002, 7003-7005=7013")]);
    let other = host.stage.workload("other", 2, &[]);
    for at in ["127.0.0.1:7001", "[::1]:7001", "127.0.0.1:7005"] {
        for words in ["mirror", "mirror-udp"] {
            let outcome = host.ask(&one, &format!("{words} {at} {at}"));
            assert!(outcome.ok, "{words} {at} {outcome:?}");
        }
    }
    let own = [("cofferdam.bind", "7021=7022"), ("cofferdam.loopback", "private")];
    let both = host.contain("both", 3, &own);
    for at in ["127.0.0.1:7021", "127.0.0.1:7022", "[::1]:7022"] {
        let outcome = host.ask(&both, &format!("mirror {at} {at}"));
        assert!(outcome.ok, "its own loopback: {at} {outcome:?}");
    }
    let server = host.stage.serve(&one, "tcp-serve", "0.0.0.0:7001");
    assert_eq!(server.address.port(), 7001);
    host.stage.flows();
    assert!(host.ask(&other, "tcp 127.0.0.1:7002").denied_at_once());
    let told = host.stage.flows();
    assert_eq!(told[0].destination.port(), 7002);
    assert_eq!(told[0].inner_port, Some(7001));
    assert!(host.ask(&other, "shared 0.0.0.0:7002").is_taken());
    assert!(host.ask(&other, "shared 0.0.0.0:7001").ok);
    let outcome = host.ask(&one, "bind-udp 0.0.0.0:7009");
    assert!(outcome.denied(), "not declared: {outcome:?}");
}

/// G-PORT-TAKEN: a port that an unprotected process holds is not shared either, nor half of it.
#[test]
fn root_a_strangers_port_is_not_shared() {
    let mut host = Host::new();
    let one = host.stage.workload("one", 1, &[]);
    let allowed = host.contain("allowed", 2, &[("cofferdam.allow", "shared:7001/tcp")]);
    let others = host.stage.folder("others");
    let _theirs = host.stage.serve(&others, "shared-serve", "0.0.0.0:7001");
    let _theirs6 = host.stage.serve(&others, "shared-serve", "[::1]:7002");
    for at in [
        "0.0.0.0:7001",
        "127.0.0.1:7001",
        "[::]:7001",
        "127.0.0.1:7002",
        "[::1]:7002",
    ] {
        let outcome = host.ask(&one, &format!("shared {at}"));
        assert!(outcome.is_taken(), "{at} {outcome:?}");
    }
    assert!(host.ask(&allowed, "shared 127.0.0.1:7001").ok);
    assert!(host.ask(&others, "shared 127.0.0.1:7001").ok);
    cofferdam_datapath::set_off(&host.stage.bpffs, true).unwrap();
    assert!(host.ask(&one, "shared 127.0.0.1:7001").ok, "off opens everything");
}

/// G-ABSTRACT
#[test]
fn root_names_of_others_are_out_of_reach() {
    let mut host = Host::new();
    let one = host.stage.workload("one", 1, &[]);
    let declared = host.contain(
        "declared",
        2,
        &[("cofferdam.allow", "abstract:@cofferdam-theirs*")],
    );
    let others = host.stage.folder("others");
    let _theirs = host.stage.serve(&others, "name-serve", "cofferdam-theirs-1");
    let _own = host.stage.serve(&one, "name-serve", "cofferdam-own");
    let closed = host.has("abstract-sockets");
    for words in ["name cofferdam-theirs-1", "name-send cofferdam-theirs-1"] {
        assert_eq!(host.ask(&one, words).denied(), closed, "{words}");
        assert!(host.ask(&declared, words).ok, "{words}");
        assert!(host.ask(&others, words).ok, "{words}");
    }
    for words in ["name cofferdam-own", "name-send cofferdam-own"] {
        assert!(host.ask(&one, words).ok, "{words}");
        assert_eq!(host.ask(&declared, words).denied(), closed, "{words}");
    }
    // Short and long ones, whose checksums go over different ends.
    for name in ["a", "ab", "abcdefg", &"x".repeat(106), &"y".repeat(107)] {
        let _server = host.stage.serve(&one, "name-serve", name);
        for words in [format!("name {name}"), format!("name-send {name}")] {
            assert!(host.ask(&one, &words).ok, "{words}");
            assert_eq!(host.ask(&declared, &words).denied(), closed, "{words}");
        }
    }
    assert_eq!(
        host.ask(&one, "name cofferdam-nobody").errno,
        i64::from(nix::libc::ECONNREFUSED)
    );
}

/// G-STRICT: kinds of sockets that nobody declared are refused where a hook can, else seen or passed.
#[test]
fn root_kinds_of_sockets_are_declared() {
    let mut host = Host::new();
    let plain = host.stage.workload("plain", 1, &[]);
    let strict = host.contain("strict", 2, &[("cofferdam.contain", "strict")]);
    let all = "packet, raw, vsock, netlink:sock-diag";
    let declared = [("cofferdam.contain", "strict"), ("cofferdam.allow", all)];
    let declared = host.contain("declared", 3, &declared);
    let lsm = host.has("lsm");
    // Domain, type, protocol; whether it takes an LSM to see it.
    let kinds = [
        ("2 3 1", false),
        ("10 3 58", false),
        ("17 3 768", true),
        ("2 10 768", true),
        ("16 3 4", true),
    ];
    for (kind, by_lsm) in kinds {
        let words = format!("make {kind}");
        assert!(host.ask(&plain, &words).ok, "{kind}");
        assert_eq!(host.ask(&strict, &words).denied(), lsm || !by_lsm, "{kind}");
        assert!(host.ask(&declared, &words).ok, "{kind}");
    }
    assert!(host.ask(&strict, "make 16 3 0").ok, "libc needs NETLINK_ROUTE");
    let told = host.stage.flows();
    assert!(
        told.iter()
            .any(|flow| flow.verdict.reason == Reason::Undeclared && flow.object.as_deref() == Some("raw"))
    );
    assert_eq!(
        told.iter()
            .any(|flow| flow.object.as_deref() == Some("netlink:sock-diag")),
        lsm
    );
}

/// G-SYSCTL
#[test]
fn root_sysctls_of_the_hosts_network_are_read_only() {
    let mut host = Host::new();
    let one = host.contain("one", 1, &[("cofferdam.bind", "80")]);
    let declared = host.contain("declared", 2, &[("cofferdam.allow", "sysctl")]);
    let others = host.stage.folder("others");
    let words = "sysctl /proc/sys/net/ipv4/ip_default_ttl 63";
    assert!(host.ask(&one, words).denied());
    assert!(host.ask(&declared, words).ok);
    assert!(host.ask(&others, words).ok);
}

/// G-OVERHEAR: a raw socket on the host's network hears nothing of what others say.
#[test]
fn root_raw_sockets_do_not_overhear() {
    let mut host = Host::new();
    let one = host.contain("one", 1, &[("cofferdam.bind", "80")]);
    let others = host.stage.folder("others");
    for (serve, ask, protocol) in [("tcp-serve", "tcp", 6), ("udp-serve", "udp", 17)] {
        let server = host.stage.serve(&others, serve, "127.0.0.1");
        for (dir, hears) in [(&one, false), (&others, true)] {
            let words = format!("overhear {protocol} {}", server.address.port());
            let listener = support::prepare_in(&host.stage.host, dir, &words);
            assert!(host.ask(&others, &format!("{ask} {}", server.address)).ok);
            assert_eq!(listener.outcome().ok, hears, "{protocol} {}", dir.display());
        }
    }
}

/// G-PORTS: while two daemons' programs are attached, a port is moved once; ranges may be narrowed.
#[test]
fn root_places_survive_a_restart_and_a_change() {
    let mut host = Host::new();
    let ranges = [
        ("cofferdam.bind", "7001=7002, 7010-7025"),
        ("cofferdam.loopback", "private"),
    ];
    let one = host.contain("one", 1, &ranges);
    host.stage.datapath = None;
    host.stage.start();
    let contained = host.contained.clone();
    let entry = Entry {
        contained: true,
        moved: true,
        on_host: true,
        ..entry(1)
    };
    host.stage.datapath().set_contained(&contained).unwrap();
    host.stage.datapath().bind(&one, &entry).unwrap();
    for at in ["127.0.0.1:7001", "[::1]:7001", "0.0.0.0:7020"] {
        let connect = at.replace("0.0.0.0", "127.0.0.1");
        let outcome = host.ask(&one, &format!("mirror {at} {connect}"));
        assert!(outcome.ok, "{at} {outcome:?}");
    }
    let outcome = host.ask(&one, "bind-udp 0.0.0.0:7001");
    assert!(outcome.ok, "moved once: {outcome:?}");
    host.contained.clear();
    host.contain("one", 1, &[("cofferdam.bind", "7010-7017")]);
    assert!(host.ask(&one, "bind-udp 0.0.0.0:7017").ok);
    assert!(host.ask(&one, "bind-udp 0.0.0.0:7018").denied());
}

/// G-PORT-TAKEN: who declares that it shares a port shares it with a protected holder, too.
#[test]
fn root_a_port_is_shared_where_both_declare_it() {
    let mut host = Host::new();
    let shared = [("cofferdam.allow", "shared:7001/tcp")];
    let one = host.contain("one", 1, &shared);
    let two = host.contain("two", 2, &shared);
    let _holder = host.stage.serve(&one, "shared-serve", "0.0.0.0:7001");
    let outcome = host.ask(&two, "shared 0.0.0.0:7001");
    assert!(outcome.ok, "{outcome:?}");
}
