//! G-OPENINGS: what the user opens is open, to whom it was opened, and to nobody else.
#![allow(clippy::expect_used, reason = "functions of a test")]

use cofferdam_tests::probe::{self, Attempts, Kind};

mod stage;

use stage::Stage;

fn lan(stage: &Stage, kind: Kind, address: &str) -> Attempts {
    probe::attempt(&stage.lab.lan, kind, address, 1).expect("an attempt")
}

/// `-p` opens to the host, the LAN and the world; `-p 127.0.0.1:` to the host only; another identity stays out.
#[test]
fn root_published_ports_are_open() {
    let stage = Stage::new();
    stage.serve("shop", &["-l", "app=shop", "-p", "8080:7000"], "tcp", "[::]:7000");
    stage.serve(
        "local",
        &["-l", "app=local", "-p", "127.0.0.1:8081:7000"],
        "tcp",
        "[::]:7000",
    );
    stage.serve(
        "hosted",
        &["-l", "app=hosted", "--net=host", "-p", "8082:8082"],
        "tcp",
        "[::]:8082",
    );
    for address in [
        "127.0.0.1:8080",
        "[::1]:8080",
        "192.168.77.1:8080",
        "172.17.0.1:8080",
    ] {
        let seen = stage.host_tries(Kind::Tcp, address, 1);
        assert!(seen.all_answered("shop"), "{address}: {seen:?}");
    }
    assert!(lan(&stage, Kind::Tcp, "192.168.77.1:8080").all_answered("shop"));
    assert!(
        stage
            .host_tries(Kind::Tcp, "127.0.0.1:8081", 1)
            .all_answered("local")
    );
    assert!(
        stage
            .host_tries(Kind::Tcp, "127.0.0.1:8082", 1)
            .all_answered("hosted")
    );
    assert!(lan(&stage, Kind::Tcp, "192.168.77.1:8082").all_answered("hosted"));
    for address in [
        "127.0.0.1:8080",
        "192.168.77.1:8080",
        "172.17.0.1:8080",
        "127.0.0.1:8082",
        "192.168.77.1:8082",
    ] {
        let seen = stage.run_tries("app=other", Kind::Tcp, address, 1);
        assert!(
            seen.none_answered(),
            "a protected stranger through {address}: {seen:?}"
        );
    }
}

/// `cofferdam.ingress` and `cofferdam.egress`: both ends must agree, port by port.
#[test]
fn root_labels_open_ports_to_peers() {
    let stage = Stage::new();
    stage.serve(
        "db",
        &[
            "-l",
            "app=db",
            "-l",
            "cofferdam.ingress=app=web:7500/tcp",
            "--net=host",
        ],
        "tcp",
        "127.0.0.1:7500",
    );
    stage.serve(
        "debug",
        &[
            "-l",
            "app=db",
            "-l",
            "cofferdam.ingress=app=web:7500/tcp",
            "--net=host",
        ],
        "tcp",
        "127.0.0.1:7501",
    );
    stage
        .lab
        .engine
        .docker(&[
            "run",
            "-dit",
            "--name",
            "web",
            "-l",
            "app=web",
            "-l",
            "cofferdam.egress=app=db",
            "--net=host",
            "curl",
        ])
        .expect("web");
    stage
        .lab
        .engine
        .docker(&[
            "run",
            "-dit",
            "--name",
            "mute",
            "-l",
            "app=web",
            "--net=host",
            "curl",
        ])
        .expect("mute");
    let web = stage.container_tries("web", Kind::Tcp, "127.0.0.1:7500", 1);
    assert!(web.all_answered("db"), "{web:?}");
    let port = stage.container_tries("web", Kind::Tcp, "127.0.0.1:7501", 1);
    assert!(port.all_refused(), "another port: {port:?}");
    let mute = stage.container_tries("mute", Kind::Tcp, "127.0.0.1:7500", 1);
    assert!(
        mute.all_refused(),
        "its own egress does not name the database: {mute:?}"
    );
    let other = stage.run_tries("app=other", Kind::Tcp, "127.0.0.1:7500", 1);
    assert!(other.all_refused(), "{other:?}");
}

/// Classes and prefixes: the LAN on one port, one address of the LAN out, metadata never.
#[test]
fn root_classes_and_prefixes_open() {
    let stage = Stage::new();
    let place =
        |protocol, address| probe::serve(&stage.lab.lan, "outside", protocol, address).expect("a server");
    let _servers = [
        place("tcp", "192.168.77.2:445"),
        place("tcp", "192.168.77.2:80"),
        place("tcp", "169.254.169.254:80"),
        place("tcp", "203.0.113.9:80"),
    ];
    let labels = [
        "-l",
        "app=nas",
        "-l",
        "cofferdam.ingress=lan:7601/tcp",
        "-l",
        "cofferdam.egress=192.168.77.2/32:445/tcp",
        "--net=host",
    ];
    stage.serve("nas", &labels, "tcp", "[::]:7601");
    assert!(lan(&stage, Kind::Tcp, "192.168.77.1:7601").all_answered("nas"));
    assert!(
        stage.host_tries(Kind::Tcp, "127.0.0.1:7601", 1).all_refused(),
        "the host is not the LAN"
    );
    let out = |address: &str| stage.container_tries("nas", Kind::Tcp, address, 1);
    assert!(out("192.168.77.2:445").all_answered("outside"));
    assert!(
        out("203.0.113.9:80").all_answered("outside"),
        "the world is open by default"
    );
    for address in [
        "192.168.77.2:80",
        "169.254.169.254:80",
        "[::ffff:192.168.77.2]:80",
    ] {
        let seen = out(address);
        assert!(seen.all_refused(), "{address}: {seen:?}");
    }
}

/// `cofferdam.mode=observe` on one container, `cofferdam.protect=true` without an identity.
#[test]
fn root_mode_and_protect_labels() {
    let stage = Stage::new();
    stage.serve(
        "watched",
        &["-l", "app=watched", "-l", "cofferdam.mode=observe", "--net=host"],
        "tcp",
        "127.0.0.1:7701",
    );
    stage.serve(
        "alone",
        &["-l", "cofferdam.protect=true", "--net=host"],
        "tcp",
        "127.0.0.1:7702",
    );
    assert!(
        stage
            .host_tries(Kind::Tcp, "127.0.0.1:7701", 1)
            .all_answered("watched")
    );
    assert!(stage.host_tries(Kind::Tcp, "127.0.0.1:7702", 2).all_refused());
}

/// `protect --label cofferdam.…` does what the label does on a container; one that cannot be read changes nothing.
#[test]
fn root_labels_of_protect_are_a_containers() {
    let stage = Stage::new();
    stage.serve("bare", &["--net=host"], "tcp", "127.0.0.1:7703");
    let tries = || stage.host_tries(Kind::Tcp, "127.0.0.1:7703", 1);
    let protect = |labels: &[&str]| {
        let given = labels.iter().flat_map(|label| ["--label", label]);
        let args: Vec<&str> = ["protect", "bare"].into_iter().chain(given).collect();
        stage.lab.cofferdam(&args).expect("protect")
    };
    let unreadable = protect(&["app=bare", "cofferdam.contain=strct"]);
    assert_ne!(unreadable.code, Some(0));
    assert!(unreadable.stderr.contains("hint: "), "{unreadable}");
    assert!(tries().all_answered("bare"), "it is not protected");
    assert_eq!(protect(&["app=bare"]).code, Some(0));
    assert!(tries().all_refused());
    assert_eq!(
        protect(&["app=bare", "cofferdam.ingress=host:7703"]).code,
        Some(0)
    );
    assert!(tries().all_answered("bare"));
}
