//! The audit of a live host: what no file says, and the table of paths, row by row, from real connections.
#![allow(clippy::expect_used, reason = "functions of a test")]

use std::collections::BTreeSet;
use std::process::Command;

use cofferdam_tests::lab::network::{HOST_V4, LAN_V4};
use cofferdam_tests::lab::{Lab, Outcome};
use cofferdam_tests::probe::{self, Kind, Server};
use cofferdam_tests::walkthrough::scene::eventually;

/// Like ufw: what comes from the LAN for the host is dropped, but for one port.
const FIREWALL: &str = "nft add table inet host; \
    nft add chain inet host input '{ type filter hook input priority 0; policy drop; }'; \
    nft add rule inet host input iifname lo accept; \
    nft add rule inet host input ct state established,related accept; \
    nft add rule inet host input tcp dport 6379 accept";
/// The same for the LAN's interface alone.
const LAN_FIREWALL: &str = "nft add table inet host; \
    nft add chain inet host input '{ type filter hook input priority 0; policy accept; }'; \
    nft add rule inet host input iifname lan0 ct state new drop";
const NO_FIREWALL: &str = "nft delete table inet host";

/// A process of the host that listens in a way the probe does not.
const LISTENS: &str = r#"use Socket; $0 = $ARGV[0]; $| = 1;
    if ($ARGV[1] eq "abstract") { socket(S, AF_UNIX, SOCK_STREAM, 0); bind(S, pack_sockaddr_un("\0cofferdam-lab")) or die $!; }
    else { socket(S, AF_INET, SOCK_STREAM, 0); setsockopt(S, SOL_SOCKET, 15, pack("i", 1));
           bind(S, sockaddr_in(7100, INADDR_ANY)) or die $!; }
    listen(S, 5); print "ready\n"; sleep 600;"#;

struct Scene {
    lab: Lab,
    _servers: Vec<Server>,
}

// === impl Scene ===

impl Scene {
    fn new() -> Self {
        let lab = Lab::new().expect("a lab");
        let mut servers = vec![
            probe::serve(&lab.host, "loop", "tcp", "127.0.0.1:5432").expect("a server"),
            probe::serve(&lab.host, "wide", "tcp", "0.0.0.0:6379").expect("a server"),
        ];
        for (name, how) in [("first", "share"), ("second", "share"), ("bus", "abstract")] {
            let mut command: Command = lab.host.command("perl", &["-e", LISTENS, name, how]);
            servers.push(Server::start(&lab.host, &mut command).expect("a listener"));
        }
        Self {
            lab,
            _servers: servers,
        }
    }

    fn docker(&self, line: &str) -> String {
        let args: Vec<&str> = line.split_whitespace().collect();
        self.lab.engine.docker(&args).expect(line)
    }

    /// A container that serves.
    fn serve(&self, name: &str, options: &str, address: &str) {
        self.docker(&format!(
            "run -d --name {name} {options} curl cofferdam-probe serve {name} tcp {address}"
        ));
        let listens = || Ok(self.lab.engine.docker(&["logs", name])?.contains("ready"));
        eventually(&format!("{name} listens"), listens).expect("a server");
    }

    fn on_host(&self, script: &str) {
        self.lab.host.must("sh", &["-ec", script]).expect(script);
    }

    fn audit(&self, more: &[&str]) -> serde_json::Value {
        let socket = self.lab.engine.socket().display().to_string();
        let mut args = vec!["audit", "--format", "json", "--engine", &socket];
        args.extend(more);
        let outcome: Outcome = self.lab.cofferdam(&args).expect("the audit");
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome:?}"))
    }

    fn container_reaches(&self, name: &str, address: &str) -> bool {
        let arguments = probe::arguments(Kind::Tcp, address, 1);
        let mut args = vec!["exec", name, "cofferdam-probe"];
        args.extend(arguments.iter().map(String::as_str));
        let text = self.lab.engine.docker(&args).expect("an attempt");
        let attempts: probe::Attempts = serde_json::from_str(&text).expect("the probe's JSON");
        !attempts.none_answered()
    }

    fn lan_reaches(&self, address: &str) -> bool {
        let attempts = probe::attempt(&self.lab.lan, Kind::Tcp, address, 1).expect("an attempt");
        !attempts.none_answered()
    }
}

/// G-AUDIT-LIVE: rules that no file can decide speak on a running host, and name container, socket or interface.
#[test]
fn root_the_audit_finds_what_no_file_says() {
    let scene = Scene::new();
    let folder = tempfile::tempdir().expect("folder");
    let runtime = folder.path().join("containerd.sock");
    std::fs::write(&runtime, "").expect("a file");
    let settings = folder.path().join("daemon.json");
    std::fs::write(&settings, "{\"ip6tables\": false}\n").expect("a file");
    scene
        .on_host("ip link add spare0 type veth peer name spare1; ip link set spare1 up; ip addr add 10.66.0.1/24 dev spare0; ip link set spare0 up");
    scene.on_host(FIREWALL);
    scene.docker("network create --internal inside");
    scene.docker("network create -o com.docker.network.bridge.gateway_mode_ipv4=nat-unprotected open");
    scene.docker("network create -d macvlan -o parent=spare0 --subnet 10.66.0.0/24 street");
    let socket = scene.lab.engine.socket().display().to_string();
    scene.serve(
        "tool",
        "--net=host --expose 15432 -p 127.0.0.1:9:9",
        "0.0.0.0:8080",
    );
    scene.serve("beside", "--net=container:tool", "127.0.0.1:8090");
    scene.serve("db", "-p 15432:5432 -p 81:81", "0.0.0.0:5432");
    scene.serve("admin", "--network open -p 127.0.0.1:9000:9000", "0.0.0.0:9000");
    scene.serve(
        "one",
        &format!("-p {HOST_V4}:9100:9100 -p [::]:8081:81"),
        "0.0.0.0:9100",
    );
    scene.serve(
        "shut",
        "--network inside --add-host up:host-gateway",
        "0.0.0.0:80",
    );
    scene.serve(
        "engine",
        &format!("-p 8082:80 -v {socket}:/var/run/docker.sock:ro -v /run:/up:ro"),
        "0.0.0.0:80",
    );
    scene.serve(
        "below",
        &format!("-v {}:/c.sock", runtime.display()),
        "0.0.0.0:80",
    );
    scene.serve("street", "--network street", "0.0.0.0:80");
    scene.on_host("echo 1 > /proc/sys/net/ipv4/conf/docker0/route_localnet");
    let settings = settings.display().to_string();
    let answer = scene.audit(&["--daemon-json", &settings, "--observe", "2s"]);
    let findings = answer["findings"].as_array().expect("findings");
    let found: BTreeSet<&str> = findings
        .iter()
        .filter_map(|finding| finding["rule"].as_str())
        .collect();
    for rule in [
        "host-loopback-reach",
        "abstract-socket-reach",
        "host-packet-capture",
        "host-port-clash",
        "silent-port-share",
        "ignored-ports",
        "inherited-network",
        "database-publish",
        "firewall-bypass",
        "firewall-covers",
        "loopback-publish-leak",
        "address-publish-reach",
        "gateway-reach",
        "ipv6-publish",
        "ip6tables-off",
        "read-only-socket",
        "indirect-socket",
        "runtime-socket",
        "remote-to-root",
        "no-firewall-driver",
        "host-gateway",
        "unused-bind-capability",
        "unused-raw-capability",
        "unused-publish",
        "undeclared-listener",
        "route-localnet",
        "plain-protocol",
        "host-without-identity",
        "host-network",
        "engine-socket",
    ] {
        assert!(found.contains(rule), "{rule} is missing in {found:?}");
    }
    let message = |rule: &str| {
        let of_rule = findings.iter().filter(|finding| finding["rule"] == rule);
        of_rule
            .filter_map(|finding| finding["message"].as_str())
            .collect::<Vec<_>>()
            .join("; ")
    };
    assert!(
        message("host-loopback-reach").contains("127.0.0.1:5432"),
        "{}",
        message("host-loopback-reach")
    );
    assert!(
        message("abstract-socket-reach").contains("@cofferdam-lab (bus)"),
        "{}",
        message("abstract-socket-reach")
    );
    assert!(
        message("silent-port-share").contains("7100"),
        "{}",
        message("silent-port-share")
    );
    assert!(
        findings
            .iter()
            .all(|finding| finding["file"].is_string() && finding["line"].is_number())
    );
}

/// `--watch` reports what a container brings soon after it started.
#[test]
fn root_the_audit_watches_containers_start() {
    let lab = Lab::new().expect("a lab");
    let folder = tempfile::tempdir().expect("folder");
    let told = folder.path().join("told");
    let socket = lab.engine.socket().display().to_string();
    let program = cofferdam_tests::binaries::cofferdam().expect("cofferdam");
    let mut command = lab
        .host
        .command(program, &["audit", "--watch", "--engine", &socket]);
    command.stdout(std::fs::File::create(&told).expect("a file"));
    let mut watcher = lab.host.spawn(&mut command).expect("the audit");
    let says = |word: &str| Ok(std::fs::read_to_string(&told)?.contains(word));
    eventually("the first report", || says("\n")).expect("a report");
    lab.engine
        .docker(&["run", "-d", "--name", "late", "--net=host", "curl", "sleep", "60"])
        .expect("docker run");
    let outcome = eventually("the new container is reported", || {
        says("docker:late late: shares the host's network")
    });
    watcher.kill().expect("kill");
    watcher.wait().expect("wait");
    outcome.expect("a report");
}

/// G-AUDIT-PATHS: the table of docs/audit.md, row by row: without a firewall, with one for the LAN's interface, with
/// one that drops everything, and with the raw rule of Engine 28, which nft imitates where the engine is older.
#[test]
fn root_the_table_of_paths_holds() {
    let scene = Scene::new();
    scene.serve("tool", "--net=host", "0.0.0.0:8080");
    scene.serve("db", "-p 15432:5432", "0.0.0.0:5432");
    scene.docker("network create --internal inside");
    scene.serve("shut", "--network inside -p 9900:80", "0.0.0.0:80");
    scene.docker("network create elsewhere");
    scene.serve("far", "--network elsewhere", "0.0.0.0:80");
    let inspect = |name: &str, what: &str| {
        let template = format!("{{{{range .NetworkSettings.Networks}}}}{{{{.{what}}}}}{{{{end}}}}");
        scene
            .lab
            .engine
            .docker(&["inspect", "-f", &template, name])
            .expect("an address")
            .trim()
            .to_owned()
    };
    let (address, gateway) = (inspect("db", "IPAddress"), inspect("db", "Gateway"));
    // `internal` networks have a gateway although nobody is told.
    let inner = inspect("shut", "IPAddress");
    let inner = format!("{}.1", inner.rsplit_once('.').expect("an address").0);
    let route = format!("ip route replace {gateway}/16 via {HOST_V4}").replace(".1/16", ".0/16");
    scene.lab.lan.must("sh", &["-ec", &route]).expect("a route");
    let table = || {
        [
            (
                "LAN -> host-mode process",
                scene.lan_reaches(&format!("{HOST_V4}:8080")),
            ),
            (
                "LAN -> published port",
                scene.lan_reaches(&format!("{HOST_V4}:15432")),
            ),
            (
                "bridge -> host service on 0.0.0.0",
                scene.container_reaches("db", &format!("{gateway}:8080")),
            ),
            (
                "internal -> host service on 0.0.0.0",
                scene.container_reaches("shut", &format!("{inner}:8080")),
            ),
            (
                "bridge -> host service on 127.0.0.1",
                scene.container_reaches("db", &format!("{gateway}:5432")),
            ),
            (
                "host mode -> host service on 127.0.0.1",
                scene.container_reaches("tool", "127.0.0.1:5432"),
            ),
            (
                "LAN -> container's address",
                scene.lan_reaches(&format!("{address}:5432")),
            ),
            (
                "LAN -> service on the gateway's address",
                scene.lan_reaches(&format!("{gateway}:8080")),
            ),
            (
                "LAN -> port of a container on internal networks alone",
                scene.lan_reaches(&format!("{HOST_V4}:9900")),
            ),
        ]
    };
    let raw = "nft add table ip raw28; nft add chain ip raw28 prerouting '{ type filter hook prerouting priority raw; }'; \
               nft add rule ip raw28 prerouting ip daddr ADDRESS iifname lan0 drop";
    let states = [
        (
            "no firewall",
            ":",
            [true, true, true, true, false, true, true, true, false],
        ),
        (
            "INPUT drops from the LAN",
            LAN_FIREWALL,
            [false, true, true, true, false, true, true, false, false],
        ),
        (
            "INPUT drops",
            FIREWALL,
            [false, true, false, false, false, true, true, false, false],
        ),
        (
            "raw drop",
            raw,
            [true, true, true, true, false, true, false, true, false],
        ),
    ];
    for (state, script, wanted) in states {
        scene.on_host(&script.replace("ADDRESS", &address));
        let seen = table();
        for ((row, reached), wanted) in seen.into_iter().zip(wanted) {
            let direct = row == "LAN -> container's address";
            // Engine 28 and newer has the rule itself.
            let wanted = wanted && !(direct && engine_is_28(&scene));
            assert_eq!(reached, wanted, "{state}: {row} (neighbour {LAN_V4})");
        }
        matrix_agrees(&scene, state);
        if script.contains("inet host") {
            scene.on_host(NO_FIREWALL);
        }
    }
}

/// The matrix says of each path that begins on this host what an attempt shows.
fn matrix_agrees(scene: &Scene, state: &str) {
    let answer = scene.audit(&["--matrix", "--probe", "--json"]);
    let paths = answer["paths"].as_array().expect("paths");
    let tried: Vec<_> = paths
        .iter()
        .filter(|path| path["probe"].is_boolean() && path["now"] != "unknown")
        .collect();
    assert!(tried.len() >= 4, "{paths:?}");
    for path in tried {
        let reached = path["now"] == "reached";
        assert_eq!(path["probe"].as_bool(), Some(reached), "{state}: {path}");
    }
}

fn engine_is_28(scene: &Scene) -> bool {
    let version = scene.docker("version --format {{.Server.Version}}");
    let major = version
        .trim()
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    major.is_some_and(|major| major >= 28)
}
