//! G-ADOPT, G-DEAD-NEW: a running host is taken over step by step, and every step can be undone.
#![allow(clippy::expect_used, reason = "functions of a test")]

use std::time::{Duration, Instant};

use cofferdam_tests::lab::Lab;
use cofferdam_tests::probe::Kind;
use cofferdam_tests::walkthrough::scene::eventually;
use nix::sys::signal::Signal;

mod stage;

use stage::Stage;

/// A daemon that starts on a host where `old` (app=old, port 7401) and `plain` (no label, port 7402) run already.
fn adopted() -> Stage {
    let lab = Lab::new().expect("a lab");
    let run = |args: &[&str]| {
        lab.engine
            .docker(&[&["run", "-d", "--net=host"], args].concat())
            .expect("docker run")
    };
    run(&[
        "--name",
        "old",
        "-l",
        "app=old",
        "curl",
        "cofferdam-probe",
        "serve",
        "old",
        "tcp",
        "127.0.0.1:7401",
    ]);
    run(&[
        "--name",
        "plain",
        "curl",
        "cofferdam-probe",
        "serve",
        "plain",
        "tcp",
        "127.0.0.1:7402",
    ]);
    for name in ["old", "plain"] {
        eventually(name, || Ok(lab.engine.docker(&["logs", name])?.contains("ready"))).expect("a server");
    }
    let daemon = lab.daemon(&[]).expect("a daemon");
    Stage { daemon, lab }
}

fn open(stage: &Stage, address: &str) -> bool {
    stage
        .host_tries(Kind::Tcp, address, 1)
        .attempts
        .iter()
        .all(|a| a.answer.is_some())
}

fn closed(stage: &Stage, address: &str) -> bool {
    stage.host_tries(Kind::Tcp, address, 2).all_refused()
}

/// What ran before the first start is observed until somebody says otherwise; what is created later is enforced.
#[test]
fn root_running_containers_are_observed_first() {
    let stage = adopted();
    assert!(open(&stage, "127.0.0.1:7401"), "observed, so open");
    assert_eq!(stage.scene_workload("old")["mode"], "observe");
    eventually("what it would have denied is recorded", || {
        let answer = stage.lab.json(&["flows", "--denied", "--to", "old"])?;
        Ok(answer["flows"]
            .as_array()
            .is_some_and(|f| f.iter().any(|f| f["mode"] == "observe")))
    })
    .expect("a record");
    stage.serve("new", &["-l", "app=new", "--net=host"], "tcp", "127.0.0.1:7403");
    assert!(
        closed(&stage, "127.0.0.1:7403"),
        "created later, so enforced at once"
    );
    stage
        .lab
        .cofferdam(&["enforce", "old"])
        .expect("enforce")
        .ok()
        .expect("enforce");
    assert!(closed(&stage, "127.0.0.1:7401"));
    stage
        .lab
        .cofferdam(&["observe", "old"])
        .expect("observe")
        .ok()
        .expect("observe");
    assert!(open(&stage, "127.0.0.1:7401"));
}

/// `enforce --for` falls back by itself, `confirm` keeps it; a restart of the daemon forgets neither.
#[test]
fn root_enforce_for_a_while_rolls_back() {
    let mut stage = adopted();
    let enforce = |stage: &Stage, time: &str| {
        stage
            .lab
            .cofferdam(&["enforce", "--all", "--for", time])
            .expect("enforce")
            .ok()
            .expect("enforce");
    };
    enforce(&stage, "2s");
    let start = Instant::now();
    assert!(closed(&stage, "127.0.0.1:7401"));
    eventually("it rolls back", || Ok(open(&stage, "127.0.0.1:7401"))).expect("rolled back");
    assert!(
        start.elapsed() < Duration::from_secs(6),
        "after {:?}",
        start.elapsed()
    );
    enforce(&stage, "2s");
    stage
        .lab
        .cofferdam(&["confirm"])
        .expect("confirm")
        .ok()
        .expect("confirm");
    std::thread::sleep(Duration::from_secs(3));
    assert!(closed(&stage, "127.0.0.1:7401"), "confirmed, so it stays");
    stage.daemon.end(Signal::SIGTERM).expect("stopped");
    stage.daemon = stage.lab.daemon(&[]).expect("a daemon");
    assert!(closed(&stage, "127.0.0.1:7401"), "after a restart too");
}

/// `protect` gives a container without identity one, `unprotect` takes it back.
#[test]
fn root_protect_and_unprotect() {
    let stage = adopted();
    assert!(open(&stage, "127.0.0.1:7402"));
    assert_eq!(stage.scene_workload("plain")["protected"], false);
    let protect = ["protect", "plain", "--label", "app=plain"];
    stage
        .lab
        .cofferdam(&protect)
        .expect("protect")
        .ok()
        .expect("protect");
    stage
        .lab
        .cofferdam(&["enforce", "plain"])
        .expect("enforce")
        .ok()
        .expect("enforce");
    assert!(closed(&stage, "127.0.0.1:7402"));
    assert!(
        stage
            .run_tries("app=plain", Kind::Tcp, "127.0.0.1:7402", 1)
            .all_answered("plain")
    );
    stage
        .lab
        .cofferdam(&["unprotect", "plain"])
        .expect("unprotect")
        .ok()
        .expect("unprotect");
    assert!(open(&stage, "127.0.0.1:7402"));
}

/// G-OFF: it works with a dead daemon, survives its return and is said loudly until `on`.
#[test]
fn root_off_without_a_daemon() {
    let mut stage = Stage::new();
    stage.serve("web", &["-l", "app=web", "--net=host"], "tcp", "127.0.0.1:7404");
    assert!(closed(&stage, "127.0.0.1:7404"));
    stage.daemon.end(Signal::SIGKILL).expect("killed");
    let bpffs = stage.lab.paths.bpffs.display().to_string();
    stage
        .lab
        .cofferdam(&["off", "--bpffs", &bpffs])
        .expect("off")
        .ok()
        .expect("off");
    assert!(open(&stage, "127.0.0.1:7404"));
    stage.daemon = stage.lab.daemon(&[]).expect("a daemon");
    assert!(open(&stage, "127.0.0.1:7404"), "off survives the daemon's return");
    assert_eq!(stage.lab.json(&["status"]).expect("status")["off"], true);
    assert!(
        stage.daemon.log().to_lowercase().contains("off"),
        "it is said loudly: {}",
        stage.daemon.log()
    );
    stage.lab.cofferdam(&["on"]).expect("on").ok().expect("on");
    assert!(closed(&stage, "127.0.0.1:7404"));
}

/// G-DEAD-NEW: a container that starts while the daemon is dead is bound when it returns.
#[test]
fn root_a_container_born_without_a_daemon_is_bound_later() {
    let mut stage = Stage::new();
    stage.daemon.end(Signal::SIGKILL).expect("killed");
    // The programs believe the last heartbeat for some seconds; after those nobody vouches for a new cgroup.
    std::thread::sleep(Duration::from_secs(7));
    stage.serve(
        "orphan",
        &["-l", "app=orphan", "--net=host"],
        "tcp",
        "127.0.0.1:7405",
    );
    assert!(
        open(&stage, "127.0.0.1:7405"),
        "a stranger, like every unknown cgroup"
    );
    stage.daemon = stage.lab.daemon(&[]).expect("a daemon");
    eventually("it is known", || {
        Ok(stage.scene_workload("orphan")["protected"] == true)
    })
    .expect("known");
    stage
        .lab
        .cofferdam(&["enforce", "orphan"])
        .expect("enforce")
        .ok()
        .expect("enforce");
    assert!(closed(&stage, "127.0.0.1:7405"));
    assert!(
        stage
            .run_tries("app=orphan", Kind::Tcp, "127.0.0.1:7405", 1)
            .all_answered("orphan")
    );
}
