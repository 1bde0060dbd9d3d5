//! What a protected workload's user may rely on, each test named after its guarantee in `docs/guarantees.md`.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};

use cofferdam_tests::lab::Lab;
use cofferdam_tests::probe::{self, Kind};
use cofferdam_tests::walkthrough::scene::{self, eventually};
use nix::sys::signal::Signal;

mod stage;

use stage::Stage;

/// G-SAME-LABELS: equal labels talk, and one connection is one record.
#[test]
fn root_same_labels_are_one_allowed_flow() {
    let stage = Stage::new();
    stage.serve(
        "server",
        &["-l", "app=pair", "--net=host"],
        "tcp",
        "127.0.0.1:7001",
    );
    let attempts = stage.run_tries("app=pair", Kind::Tcp, "127.0.0.1:7001", 1);
    assert!(attempts.all_answered("server"), "{attempts:?}");
    let mut flows = Vec::new();
    eventually("the flow is recorded", || {
        let answer = stage
            .lab
            .json(&["flows", "--allowed", "--to", "server", "--port", "7001"])?;
        flows = answer["flows"].as_array().cloned().unwrap_or_default();
        Ok(!flows.is_empty())
    })
    .expect("a record");
    assert_eq!(flows.len(), 1, "{flows:#?}");
    assert_eq!(flows[0]["repeats"], 1, "{flows:#?}");
    assert_eq!(flows[0]["verdict"], "allow");
}

/// G-DENY-INSTANT: without a common label both families answer with an error at once, and it is recorded.
#[test]
fn root_other_labels_are_refused_at_once_on_both_families() {
    let stage = Stage::new();
    stage.serve("four", &["-l", "app=a", "--net=host"], "tcp", "0.0.0.0:7002");
    stage.serve("six", &["-l", "app=a", "--net=host"], "tcp", "[::1]:7002");
    stage.serve("bridged", &["-l", "app=a"], "tcp", "[::]:7002");
    let bridged = stage.address("bridged", "{{.NetworkSettings.IPAddress}}");
    let bridged6 = stage.address("bridged", "{{.NetworkSettings.GlobalIPv6Address}}");
    let targets = [
        "127.0.0.1:7002",
        "[::1]:7002",
        &format!("{bridged}:7002"),
        &format!("[{bridged6}]:7002"),
    ];
    for target in targets {
        for attempts in [
            stage.run_tries("app=b", Kind::Tcp, target, 3),
            stage.host_tries(Kind::Tcp, target, 3),
        ] {
            assert!(attempts.all_refused(), "{target}: {attempts:?}");
        }
    }
    for name in ["four", "six", "bridged"] {
        eventually(&format!("the denial to {name} is recorded"), || {
            let answer = stage.lab.json(&["flows", "--denied", "--to", name])?;
            let flows = answer["flows"].as_array().cloned().unwrap_or_default();
            Ok(flows.iter().any(|f| f["from"]["labels"]["app"] == "b")
                && flows.iter().any(|f| f["from"]["class"] == "host"))
        })
        .expect("records");
    }
}

/// G-RESTART: a flow that is older than the daemon survives its restart, its crash and its update.
#[test]
fn root_flows_survive_a_restart() {
    let mut stage = Stage::new();
    stage.serve(
        "keeper",
        &["-l", "app=keep", "--net=host"],
        "tcp",
        "127.0.0.1:7003",
    );
    stage.serve("far", &["-l", "app=keep"], "tcp", "[::]:7003");
    let far = format!("{}:7003", stage.address("far", "{{.NetworkSettings.IPAddress}}"));
    let mut held = [
        stage.hold("app=keep", "127.0.0.1:7003"),
        stage.hold("app=keep", &far),
    ];
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        stage.daemon.end(signal).expect("the daemon ends");
        stage.daemon = stage.lab.daemon(&[]).expect("a new daemon");
        std::thread::sleep(std::time::Duration::from_millis(500));
        assert!(
            held.iter_mut().all(probe::Server::alive),
            "a flow was cut after {signal}"
        );
    }
}

/// G-NOTHING-LEFT: a workload that ended leaves no entry, no listener, no cgroup.
#[test]
fn root_a_stopped_workload_leaves_nothing() {
    let stage = Stage::new();
    stage.serve("before", &["-l", "app=x", "--net=host"], "tcp", "127.0.0.1:7000");
    let settled = |stage: &Stage| {
        (
            stage.pinned_elements(),
            stage.lab.json(&["status"]).expect("status")["workloads"]["total"].clone(),
        )
    };
    let before = settled(&stage);
    for round in 0..3 {
        let name = format!("short{round}");
        stage.serve(&name, &["-l", "app=x", "--net=host"], "tcp", "127.0.0.1:7004");
        stage.lab.engine.docker(&["rm", "-f", &name]).expect("rm");
        let out = stage.run_tries("app=x", Kind::Tcp, "127.0.0.1:7000", 1);
        assert!(out.all_answered("before"), "{out:?}");
    }
    eventually("the daemon forgets them", || Ok(settled(&stage) == before)).unwrap_or_else(|e| {
        panic!("{e}: before {before:#?}, now {:#?}", settled(&stage));
    });
}

/// G-UDP: a datagram to somebody who is not a peer is refused at once, connected or not.
#[test]
fn root_udp_is_refused_at_once() {
    let stage = Stage::new();
    stage.serve("dns", &["-l", "app=dns", "--net=host"], "udp", "[::]:7005");
    for target in ["127.0.0.1:7005", "[::1]:7005", "192.168.77.1:7005"] {
        for kind in [Kind::Udp, Kind::SendTo] {
            let own = stage.run_tries("app=dns", kind, target, 2);
            assert!(own.all_answered("dns"), "{kind:?} {target}: {own:?}");
            for attempts in [
                stage.run_tries("app=other", kind, target, 3),
                stage.host_tries(kind, target, 3),
            ] {
                assert!(attempts.all_refused(), "{kind:?} {target}: {attempts:?}");
            }
        }
    }
}

/// G-LISTENERS: a dual-stack listener and a UDP listener in host mode are seen and guarded on both families.
#[test]
fn root_dual_stack_and_udp_listeners_are_seen() {
    let stage = Stage::new();
    stage.serve("dual", &["-l", "app=dual", "--net=host"], "tcp", "[::]:7006");
    stage.serve("udp", &["-l", "app=dual", "--net=host"], "udp", "0.0.0.0:7007");
    let ports = |name: &str| {
        stage.scene_workload(name)["listening"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    };
    assert!(
        ports("dual")
            .iter()
            .any(|l| l["protocol"] == "tcp" && l["port"] == 7006),
        "{:?}",
        ports("dual")
    );
    assert!(
        ports("udp")
            .iter()
            .any(|l| l["protocol"] == "udp" && l["port"] == 7007),
        "{:?}",
        ports("udp")
    );
    for target in [
        "127.0.0.1:7006",
        "[::1]:7006",
        "[::ffff:127.0.0.1]:7006",
        "192.168.77.1:7006",
        "[fd77::1]:7006",
    ] {
        let attempts = stage.host_tries(Kind::Tcp, target, 2);
        assert!(attempts.all_refused(), "{target}: {attempts:?}");
        let own = stage.run_tries("app=dual", Kind::Tcp, target, 1);
        assert!(own.all_answered("dual"), "{target}: {own:?}");
    }
    let lan = probe::attempt(&stage.lab.lan, Kind::Tcp, "192.168.77.1:7006", 1).expect("an attempt");
    assert!(lan.none_answered(), "the LAN reached it: {lan:?}");
}

/// G-CRASHED: with a dead daemon everything stays as it was.
#[test]
fn root_a_dead_daemon_leaves_enforcement_on() {
    let mut stage = Stage::new();
    stage.serve("web", &["-l", "app=web", "--net=host"], "tcp", "[::]:7008");
    stage
        .lab
        .engine
        .docker(&["run", "-d", "--name", "peer", "-l", "app=web", "-it", "curl"])
        .expect("a peer");
    stage.daemon.end(Signal::SIGKILL).expect("killed");
    for target in ["127.0.0.1:7008", "[::1]:7008"] {
        let attempts = stage.host_tries(Kind::Tcp, target, 3);
        assert!(attempts.all_refused(), "{target}: {attempts:?}");
    }
    let own = stage.container_tries("peer", Kind::Tcp, "172.17.0.1:7008", 1);
    assert!(own.all_answered("web"), "{own:?}");
    let refused = stage.lab.run(&["--label", "app=web"], &["true"]).expect("run");
    assert_eq!(
        refused.code,
        Some(125),
        "`run` fails closed without a daemon: {refused}"
    );
}

/// G-INSIDE: `docker exec` and what a container forks before it does anything else have its policy.
#[test]
fn root_exec_and_early_forks_keep_the_policy() {
    let stage = Stage::new();
    stage.serve(
        "target",
        &["-l", "app=target", "--net=host"],
        "tcp",
        "127.0.0.1:7009",
    );
    let early = "for i in 1 2 3 4 5; do cofferdam-probe try tcp 127.0.0.1:7009 1 1000 & done; wait";
    let text = stage.lab.engine.docker(&[
        "run",
        "--rm",
        "-l",
        "app=early",
        "--net=host",
        "curl",
        "sh",
        "-c",
        early,
    ]);
    let text = text.expect("the container ran");
    assert_eq!(text.matches("\"errno\":1,").count(), 5, "{text}");
    stage
        .lab
        .engine
        .docker(&[
            "run",
            "-d",
            "-it",
            "--name",
            "idle",
            "-l",
            "app=idle",
            "--net=host",
            "curl",
        ])
        .expect("run");
    let attempts = stage.container_tries("idle", Kind::Tcp, "127.0.0.1:7009", 3);
    assert!(attempts.all_refused(), "{attempts:?}");
}

/// G-SOCKET: nobody but root and the group may open the control socket, so nobody claims a label.
#[test]
fn root_the_control_socket_is_guarded() {
    let stage = Stage::new();
    let socket = std::fs::metadata(stage.lab.paths.socket()).expect("the socket");
    assert!(socket.file_type().is_socket());
    assert_eq!(socket.permissions().mode() & 0o777, 0o660);
    let program = cofferdam_tests::binaries::cofferdam()
        .expect("cofferdam")
        .display()
        .to_string();
    let mut args = vec![
        "--reuid=65534".to_string(),
        "--regid=65534".into(),
        "--clear-groups".into(),
        program,
    ];
    args.extend(
        stage
            .lab
            .arguments(&["run", "--label", "app=nginx", "--", "true"]),
    );
    let outcome = stage.lab.host.run("setpriv", &args).expect("setpriv");
    assert_eq!(outcome.code, Some(125), "{outcome}");
    stage::one_line_and_hint(&outcome);
}

/// G-SYSCTL: the daemon changes no sysctl of the network.
#[test]
fn root_no_sysctl_is_changed() {
    let lab = Lab::new().expect("a lab");
    let read = || {
        lab.host
            .must("sh", &["-c", "sysctl -a 2>/dev/null | grep '^net\\.'"])
            .expect("sysctl")
    };
    // Counters and seeds among the sysctls change by themselves.
    let stable = |text: &str| -> Vec<String> {
        let moving = [
            "nf_conntrack_count",
            "fastopen_key",
            "netdev_rss_key",
            "tcp_mem",
            "udp_mem",
            "tcp_fack",
        ];
        text.lines()
            .filter(|l| !moving.iter().any(|m| l.contains(m)))
            .map(String::from)
            .collect()
    };
    let before = stable(&read());
    assert!(before.len() > 100, "sysctl printed only {} lines", before.len());
    let mut daemon = lab.daemon(&[]).expect("a daemon");
    lab.engine
        .docker(&["run", "-d", "--net=host", "-l", "app=nginx", "nginx"])
        .expect("nginx");
    assert!(
        scene::curl(&lab.host, "http://127.0.0.1")
            .expect("curl")
            .body
            .is_none()
    );
    assert_eq!(before, stable(&read()));
    daemon.end(Signal::SIGTERM).expect("stopped");
    assert_eq!(before, stable(&read()));
}
