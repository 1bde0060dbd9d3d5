//! What a network namespace would have given a workload on the host's network: its own loopback, its own ports, and nothing
//! that belongs to others. Each test is named after its guarantee in `docs/guarantees.md`.
#![allow(clippy::expect_used, reason = "functions of a test")]

use std::fs;

use cofferdam_tests::binaries;
use cofferdam_tests::image::DEBIAN;
use cofferdam_tests::lab::network::{HOST_V4, LAN_V4};
use cofferdam_tests::probe::{self, Kind, Server};
use cofferdam_tests::walkthrough::scene::eventually;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

mod stage;

use stage::Stage;

/// What the probe prints when it talks to itself inside a container.
fn mirror(stage: &Stage, container: &str, protocol: &str, listen: &str, connect: &str) -> Value {
    let text = stage
        .lab
        .engine
        .docker(&[
            "exec",
            container,
            "cofferdam-probe",
            "mirror",
            protocol,
            listen,
            connect,
        ])
        .expect("a mirror");
    serde_json::from_str(&text).expect("the probe's JSON")
}

fn idle(stage: &Stage, name: &str, labels: &[&str]) {
    let mut args = vec!["run", "-dit", "--name", name, "--net=host"];
    args.extend(labels.iter().flat_map(|label| ["-l", *label]));
    args.push("curl");
    stage.lab.engine.docker(&args).expect("docker run");
}

/// G-LOOPBACK: to whom it belongs, a private 127.0.0.1 and `::1` look like any other, and the same port of the host's is
/// another one.
#[test]
fn root_a_private_loopback_looks_like_any_other() {
    let stage = Stage::new();
    idle(&stage, "one", &["app=one", "cofferdam.loopback=private"]);
    let _host: Vec<_> = [
        ("tcp", "127.0.0.1:7001"),
        ("tcp", "[::1]:7001"),
        ("udp", "127.0.0.1:7001"),
    ]
    .iter()
    .map(|(protocol, address)| probe::serve(&stage.lab.host, "host", protocol, address).expect("a server"))
    .collect();
    for ip in ["127.0.0.1", "[::1]"] {
        let at = format!("{ip}:7001");
        let plain = ip.trim_matches(['[', ']']);
        let told = mirror(&stage, "one", "tcp", &at, &at);
        let wanted = json!({
            "bound": at, "peer": at, "accepted": plain, "accepted_local": at, "same_port": true, "own": plain,
        });
        assert_eq!(told, wanted);
        let told = mirror(&stage, "one", "udp", &at, &at);
        let wanted = json!({ "bound": at, "asked": plain, "answered": at, "peer": at });
        assert_eq!(told, wanted);
    }
    let attempts = stage.host_tries(Kind::Tcp, "127.0.0.1:7001", 3);
    assert!(attempts.all_answered("host"), "{attempts:?}");
}

/// G-PORTS: two that listen on the same port run at once, each is reached as declared, and none sees a difference.
#[test]
fn root_two_nginx_listen_on_the_same_port() {
    let stage = Stage::new();
    for (name, labels) in [
        ("first", &["app=first", "cofferdam.ingress=host:80/tcp"][..]),
        (
            "second",
            &[
                "app=second",
                "cofferdam.ingress=host:80/tcp",
                "cofferdam.bind=80=8080",
            ],
        ),
    ] {
        let page = stage.lab.paths.state.join(name);
        fs::create_dir_all(&page).expect("a folder");
        fs::write(page.join("index.html"), name).expect("a page");
        let volume = format!("{}:/srv:ro", page.display());
        let mut args = vec!["run", "-d", "--name", name, "--net=host", "-v", &volume];
        args.extend(labels.iter().flat_map(|label| ["-l", *label]));
        args.push("nginx");
        stage.lab.engine.docker(&args).expect("docker run");
    }
    for (name, port) in [("first", 80), ("second", 8080)] {
        for ip in ["127.0.0.1", "[::1]"] {
            let url = format!("http://{ip}:{port}/");
            let page = stage.lab.host.must(
                "curl",
                &[
                    "-s",
                    "--retry",
                    "20",
                    "--retry-connrefused",
                    "--retry-delay",
                    "1",
                    &url,
                ],
            );
            assert_eq!(page.expect("a page"), name, "{url}");
            let url = format!("http://{ip}/");
            let own = stage.lab.engine.docker(&["exec", name, "curl", "-s", &url]);
            assert_eq!(own.expect("a page"), name, "its own {url}");
        }
    }
    let flows = stage.flows(&["--to", "second", "--allowed", "--port", "80"]);
    assert!(flows.iter().any(|flow| flow["inner_port"] == 80), "{flows:#?}");
}

const EPERM: i32 = 1;
const EADDRINUSE: i32 = 98;

/// What the probe prints inside a container: an errno, 0 where it was done.
fn errno(stage: &Stage, container: &str, words: &[&str]) -> Vec<i32> {
    let args = [&["exec", container, "cofferdam-probe"], words].concat();
    let text = stage.lab.engine.docker(&args).expect("docker exec");
    text.lines().map(|line| line.parse().expect("an errno")).collect()
}

/// The same of a process that `cofferdam run` starts.
fn run_errno(stage: &Stage, flags: &[&str], words: &[&str]) -> Vec<i32> {
    let probe = binaries::probe().expect("probe").display().to_string();
    let program = [&[probe.as_str()], words].concat();
    let text = stage.lab.run(flags, &program).expect("run").ok().expect("run");
    text.lines().map(|line| line.parse().expect("an errno")).collect()
}

/// G-PORTS: where ports are declared, nothing else is bound, and they need no capability; a port that others hold is theirs.
#[test]
fn root_only_declared_ports_are_bound() {
    let stage = Stage::new();
    let _host = probe::serve(&stage.lab.host, "host", "tcp", "127.0.0.1:7009").expect("a server");
    let _host6 = probe::serve(&stage.lab.host, "host6", "tcp", "[::]:7010").expect("a server");
    let declared = [
        "--expose",
        "81",
        "-l",
        "cofferdam.bind=80, 7001-7003/udp, 7004=7005, 7009",
        "-l",
        "app=one",
    ];
    let args = [
        &[
            "run",
            "-dit",
            "--name",
            "one",
            "--net=host",
            "--cap-drop",
            "ALL",
            "--user",
            "65534",
        ],
        &declared[..],
        &["curl"],
    ];
    stage.lab.engine.docker(&args.concat()).expect("docker run");
    idle(&stage, "other", &["app=other"]);
    for (protocol, address, wanted) in [
        ("tcp", "0.0.0.0:80", 0),
        ("tcp", "[::]:80", 0),
        ("udp", "0.0.0.0:80", 0),
        ("tcp", "0.0.0.0:81", 0),
        ("udp", "127.0.0.1:7002", 0),
        ("tcp", "127.0.0.1:7002", EPERM),
        ("tcp", "0.0.0.0:7004", 0),
        ("tcp", "0.0.0.0:7006", EPERM),
        ("udp", "[::]:7006", EPERM),
        ("tcp", "0.0.0.0:0", 0),
        ("udp", "[::1]:0", 0),
        ("tcp", "127.0.0.1:7009", EADDRINUSE),
        ("tcp", "127.64.0.9:0", EPERM),
    ] {
        assert_eq!(
            errno(&stage, "one", &["bind", protocol, address]),
            [wanted],
            "{protocol} {address}"
        );
    }
    // Who declares nothing binds what is free; half of a port is not.
    for (address, wanted) in [
        ("0.0.0.0:7006", 0),
        ("0.0.0.0:7009", EADDRINUSE),
        ("0.0.0.0:7010", EADDRINUSE),
    ] {
        assert_eq!(
            errno(&stage, "other", &["bind", "tcp", address]),
            [wanted],
            "{address}"
        );
    }
    let denied = stage.flows(&["--denied", "--from", "one"]);
    let reasons: Vec<_> = denied.iter().filter_map(|flow| flow["reason"].as_str()).collect();
    assert!(
        reasons.contains(&"undeclared") && reasons.contains(&"port-taken"),
        "{denied:#?}"
    );
}

/// G-ABSTRACT: an abstract socket belongs to who made it; others reach it where they declare its name.
#[test]
fn root_abstract_sockets_of_others_are_out_of_reach() {
    let stage = Stage::new();
    let serve = |name: &str| {
        let probe = binaries::probe().expect("probe");
        let mut command = stage.lab.host.command(probe, &["names", name]);
        Server::start(&stage.lab.host, &mut command).expect("a name")
    };
    let _names = ["/shim/one", "/shim/two", "other"].map(serve);
    for flags in [
        &["--label", "app=one"][..],
        &["--label", "app=one", "--allow", "sysctl"],
    ] {
        assert_eq!(
            run_errno(&stage, flags, &["name", "other"]),
            [EPERM, EPERM],
            "{flags:?}"
        );
    }
    let declared = ["--label", "app=one", "--allow", "abstract:@/shim/*"];
    assert_eq!(run_errno(&stage, &declared, &["name", "/shim/two"]), [0, 0]);
    assert_eq!(run_errno(&stage, &declared, &["name", "other"]), [EPERM, EPERM]);
    let exact = ["--label", "app=one", "--allow", "abstract:@other"];
    assert_eq!(run_errno(&stage, &exact, &["name", "other"]), [0, 0]);
    assert_eq!(run_errno(&stage, &exact, &["name", "nobody"]), [111, 111]);
    idle(&stage, "box", &["app=box"]);
    stage
        .lab
        .engine
        .docker(&["exec", "box", "cofferdam-probe", "touch", "its-own"])
        .expect("its own");
    assert_eq!(errno(&stage, "box", &["name", "/shim/one"]), [EPERM, EPERM]);
    let seen = stage.flows(&["--denied", "--from", "box"]);
    assert!(
        seen.iter()
            .any(|flow| flow["object"] == "@/shim/one" && flow["reason"] == "undeclared"),
        "{seen:#?}"
    );
}

/// G-SYSCTL: sysctls of the host's network are read-only, also through a descriptor that is older than a namespace of one's own.
#[test]
fn root_sysctls_of_the_network_are_read_only() {
    let stage = Stage::new();
    let path = "/proc/sys/net/ipv4/ip_default_ttl";
    let write = |flags: &[&str], script: &str| {
        let outcome = stage.lab.run(flags, &["/bin/sh", "-c", script]).expect("run");
        eprintln!("{outcome}");
        outcome.success()
    };
    let plain = format!("cat {path} && echo 63 > {path}");
    assert!(!write(&["--label", "app=one"], &plain));
    let leaves = format!("exec 3> {path} && unshare -n sh -c 'echo 63 >&3'");
    assert!(!write(&["--label", "app=one"], &leaves));
    assert_eq!(
        stage.lab.host.must("cat", &[path]).expect("the sysctl").trim(),
        "64"
    );
    assert!(write(&["--label", "app=one", "--allow", "sysctl"], &plain));
    assert_eq!(
        stage.lab.host.must("cat", &[path]).expect("the sysctl").trim(),
        "63"
    );
}

/// G-LOOPBACK: who gives the same name shares one loopback and may talk there; nobody else is in it.
#[test]
fn root_a_loopback_is_shared_by_name() {
    let stage = Stage::new();
    idle(&stage, "friend", &["app=friend", "cofferdam.loopback=shop"]);
    idle(&stage, "other", &["app=other", "cofferdam.loopback=market"]);
    for (protocol, kind, ip) in [
        ("tcp", Kind::Tcp, "127.0.0.1"),
        ("tcp", Kind::Tcp, "[::1]"),
        ("udp", Kind::SendTo, "127.0.0.1"),
        ("udp", Kind::Udp, "[::1]"),
    ] {
        let (name, at) = (format!("server-{protocol}-{}", ip.len()), format!("{ip}:7001"));
        stage.serve(
            &name,
            &["--net=host", "-l", "app=server", "-l", "cofferdam.loopback=shop"],
            protocol,
            &at,
        );
        let attempts = stage.container_tries("friend", kind, &at, 3);
        assert!(attempts.all_answered(&name), "{name}: {attempts:?}");
        let attempts = stage.container_tries("other", kind, &at, 1);
        assert!(attempts.none_answered(), "{name}: {attempts:?}");
        assert!(stage.host_tries(kind, &at, 1).none_answered(), "{name}");
    }
}

/// G-LOOPBACK: it survives the daemon, and `off`; a new daemon knows it.
#[test]
fn root_a_private_loopback_outlives_the_daemon() {
    let mut stage = Stage::new();
    stage.serve(
        "one",
        &["--net=host", "-l", "app=one", "-l", "cofferdam.contain=strict"],
        "tcp",
        "127.0.0.1:7001",
    );
    stage.serve(
        "six",
        &["--net=host", "-l", "app=six", "-l", "cofferdam.contain=strict"],
        "tcp",
        "[::1]:7001",
    );
    let works = |stage: &Stage, when: &str| {
        for (name, at) in [("one", "127.0.0.1:7001"), ("six", "[::1]:7001")] {
            let attempts = stage.container_tries(name, Kind::Tcp, at, 2);
            assert!(attempts.all_answered(name), "{when}: {attempts:?}");
            assert!(stage.host_tries(Kind::Tcp, at, 1).none_answered(), "{when}");
        }
    };
    works(&stage, "at first");
    stage.daemon.end(Signal::SIGKILL).expect("a kill");
    works(&stage, "without a daemon");
    stage.daemon = stage.lab.daemon(&[]).expect("a daemon");
    works(&stage, "with the next one");
    stage.lab.cofferdam(&["off"]).expect("off").ok().expect("off");
    works(&stage, "while everything is open");
}

/// G-INTERFACES: who names interfaces or addresses uses no other.
#[test]
fn root_interfaces_are_limited() {
    let stage = Stage::new();
    let _lan = probe::serve(&stage.lab.lan, "lan", "tcp", &format!("{LAN_V4}:7001")).expect("a server");
    let _lan_udp = probe::serve(&stage.lab.lan, "lan", "udp", &format!("{LAN_V4}:7002")).expect("a server");
    let opened = ["app=one", "cofferdam.egress=lan", "cofferdam.ingress=lan"];
    for (name, limit, reaches) in [
        ("named", "lan0", true),
        ("by-address", HOST_V4, true),
        ("elsewhere", "docker0", false),
        ("nowhere", "lo", false),
    ] {
        let mut args = vec!["--net=host".to_owned()];
        for label in opened
            .iter()
            .map(ToString::to_string)
            .chain([format!("cofferdam.interfaces={limit}")])
        {
            args.extend(["-l".to_owned(), label]);
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        stage.serve(name, &args, "tcp", "0.0.0.0:7003");
        for (kind, port) in [(Kind::Tcp, 7001), (Kind::Udp, 7002), (Kind::SendTo, 7002)] {
            let attempts = stage.container_tries(name, kind, &format!("{LAN_V4}:{port}"), 1);
            assert_eq!(attempts.all_answered("lan"), reaches, "{name}: {attempts:?}");
        }
        let attempts =
            probe::attempt(&stage.lab.lan, Kind::Tcp, &format!("{HOST_V4}:7003"), 1).expect("an attempt");
        assert_eq!(attempts.all_answered(name), reaches, "{name}: {attempts:?}");
        assert!(
            stage
                .container_tries(name, Kind::Tcp, "127.0.0.1:7003", 1)
                .all_answered(name)
        );
        stage.lab.engine.docker(&["rm", "-f", name]).expect("docker rm");
    }
}

/// G-LOOPBACK: a PostgreSQL on the host's 127.0.0.1 is out of reach, until the client says that it needs it.
#[test]
fn root_a_database_of_the_host_is_reached_only_where_declared() {
    let stage = Stage::new();
    let script = "D=$(mktemp -d) && chown 65534 $D && exec setpriv --reuid=65534 --regid=65534 --clear-groups sh -ec \"
        B=\\$(ls -d /usr/lib/postgresql/*/bin | tail -1); \\$B/initdb -A trust -U shop $D/db >/dev/null
        echo ready; exec \\$B/postgres -D $D/db -c listen_addresses=127.0.0.1 -c unix_socket_directories=$D\"";
    let mut command = stage.lab.host.command("sh", &["-c", script]);
    let _postgres = Server::start(&stage.lab.host, &mut command).expect("PostgreSQL");
    let question = [
        "psql",
        "-h",
        "127.0.0.1",
        "-U",
        "shop",
        "-Atc",
        "select 6 * 7",
        "postgres",
    ];
    eventually("PostgreSQL answers", || {
        Ok(stage.lab.host.run(question[0], &question[1..])?.success())
    })
    .expect("PostgreSQL");
    for (name, labels, answers) in [
        ("plain", &["app=plain"][..], false),
        ("strict", &["app=strict", "cofferdam.contain=strict"], false),
        ("declared", &["app=declared", "cofferdam.egress=host:5432"], true),
        (
            "strict-declared",
            &[
                "app=declared",
                "cofferdam.contain=strict",
                "cofferdam.egress=host:5432",
            ],
            true,
        ),
    ] {
        let mut args = vec!["run", "--rm", "--name", name, "--net=host", "-v", "/usr:/usr:ro"];
        args.extend(labels.iter().flat_map(|label| ["-l", *label]));
        args.push(DEBIAN.name);
        args.extend(question);
        let outcome = stage.lab.engine.try_docker(&args).expect("docker");
        assert_eq!(outcome.success(), answers, "{name}: {outcome}");
        if answers {
            assert_eq!(outcome.stdout.trim(), "42", "{name}");
        }
        let verdict = if answers { "--allowed" } else { "--denied" };
        let seen = || {
            Ok(!stage
                .flows(&[verdict, "--from", name, "--port", "5432"])
                .is_empty())
        };
        eventually(&format!("{name} is in `flows`"), seen).expect("a record");
    }
}
