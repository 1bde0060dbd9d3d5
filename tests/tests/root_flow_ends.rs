//! G-ENDS: established flows that a change denies end within a second, and all others go on.
#![allow(clippy::expect_used, reason = "functions of a test")]

use std::time::{Duration, Instant};

use cofferdam_tests::binaries;
use cofferdam_tests::lab::Lab;
use cofferdam_tests::probe::Server;

mod stage;

use stage::Stage;

/// From a change to the end of what it denies.
const SOON: Duration = Duration::from_secs(1);

fn cofferdam(stage: &Stage, words: &[&str]) {
    let done = stage.lab.cofferdam(words).expect("cofferdam");
    done.ok().expect("cofferdam");
}

/// A connection that stays, from the host.
fn hold(stage: &Stage, word: &str, address: &str) -> Server {
    let probe = binaries::probe().expect("probe");
    let mut command = stage.lab.host.command(probe, &[word, address]);
    Server::start(&stage.lab.host, &mut command).expect("a connection")
}

/// One that stays, made by a bridged container.
fn hold_in_container(stage: &Stage, name: &str, run_args: &[&str], address: &str) {
    let mut args = vec!["run", "-d", "--name", name];
    args.extend(run_args);
    args.extend(["curl", "cofferdam-probe", "hold", address]);
    stage.lab.engine.docker(&args).expect("docker");
    let ready = || Ok(stage.lab.engine.docker(&["logs", name])?.contains("ready"));
    cofferdam_tests::walkthrough::scene::eventually(name, ready).expect("a connection");
}

fn is_lost(stage: &Stage, container: &str) -> bool {
    let log = stage
        .lab
        .engine
        .docker(&["logs", container])
        .expect("docker logs");
    log.contains("lost")
}

/// Waits until all have ended; how long the last one took.
fn until_ended(flows: &mut [Server], since: Instant) -> Duration {
    while flows.iter_mut().any(Server::alive) {
        assert!(
            since.elapsed() < SOON * 3,
            "still there after {:?}",
            since.elapsed()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    since.elapsed()
}

/// Two containers that serve TCP and UDP on all addresses of the host, and strangers that talk to them while nothing is
/// enforced for them.
fn observed() -> Stage {
    let stage = Stage::new();
    let host = ["-l", "app=web", "--net=host"];
    stage.serve("web", &host, "tcp", "[::]:7601");
    stage.serve("web-udp", &host, "udp", "[::]:7602");
    cofferdam(&stage, &["observe", "web", "web-udp"]);
    stage
}

/// `enforce`: strangers of the host lose their connections, on both families and from another namespace; peers, what is
/// between strangers and what the container itself asked for goes on. It is recorded with the rule, and counted.
#[test]
fn root_enforce_ends_the_connections_of_strangers() {
    let stage = observed();
    stage.serve("free", &["--net=host"], "tcp", "[::]:7603");
    let mut cut: Vec<Server> = [
        "127.0.0.1:7601",
        "[::1]:7601",
        "192.168.77.1:7601",
        "[::ffff:127.0.0.1]:7601",
    ]
    .map(|address| hold(&stage, "hold", address))
    .into();
    hold_in_container(&stage, "guest", &[], "172.17.0.1:7601");
    hold_in_container(&stage, "web2", &["-l", "app=web"], "172.17.0.1:7601");
    let mut kept: Vec<Server> = ["127.0.0.1:7601", "[::1]:7601", "192.168.77.1:7601"]
        .map(|address| stage.hold("app=web", address))
        .into();
    kept.push(stage.hold_by("hold-udp", "app=web", "127.0.0.1:7602"));
    kept.push(hold(&stage, "hold", "127.0.0.1:7603"));
    let begun = Instant::now();
    cofferdam(&stage, &["enforce", "web", "web-udp"]);
    let time = until_ended(&mut cut, begun);
    println!("{} connections ended {time:?} after `enforce` began", cut.len());
    assert!(time < SOON, "{time:?}");
    while !is_lost(&stage, "guest") {
        assert!(begun.elapsed() < SOON * 2, "the container's connection goes on");
    }
    std::thread::sleep(Duration::from_millis(500));
    assert!(
        kept.iter_mut().all(Server::alive),
        "a flow that is allowed was cut"
    );
    assert!(!is_lost(&stage, "web2"), "a peer in another namespace was cut");
    let answer = stage
        .lab
        .json(&["flows", "--denied", "--to", "web"])
        .expect("flows");
    let flows = answer["flows"].as_array().expect("flows").clone();
    let ended: Vec<_> = flows.iter().filter(|flow| flow["hook"] == "end").collect();
    assert!(!ended.is_empty(), "{answer}");
    for flow in &ended {
        assert_eq!(flow["rule"]["name"], "default/outside", "{flow}");
        assert_eq!(
            flow["destination"].as_str().map(|d| d.ends_with(":7601")),
            Some(true),
            "{flow}"
        );
    }
    let text = stage
        .lab
        .cofferdam(&["flows", "--denied"])
        .expect("flows")
        .ok()
        .expect("flows");
    assert!(text.contains("ended"), "{text}");
    let status = stage.lab.json(&["status"]).expect("status");
    assert!(status["flows_ended"].as_u64().is_some_and(|n| n >= 5), "{status}");
}

/// Datagrams: another identity, and who holds a connected socket to its former peer is told.
#[test]
fn root_another_identity_ends_exchanges_of_datagrams() {
    let stage = Stage::new();
    let host = ["-l", "app=web", "--net=host"];
    stage.serve("web", &host, "tcp", "[::]:7601");
    stage.serve("web-udp", &host, "udp", "[::]:7602");
    let mut cut: Vec<Server> = ["127.0.0.1:7602", "[::1]:7602"]
        .map(|address| stage.hold_by("hold-udp", "app=web", address))
        .into();
    let mut kept = stage.hold("app=web", "127.0.0.1:7601");
    let begun = Instant::now();
    cofferdam(&stage, &["protect", "web-udp", "--label", "role=db"]);
    let time = until_ended(&mut cut, begun);
    println!("{} exchanges ended {time:?} after `protect` began", cut.len());
    assert!(time < SOON, "{time:?}");
    std::thread::sleep(SOON / 2);
    assert!(kept.alive());
}

/// `protect`, and `on` after `off`.
#[test]
fn root_protect_and_on_end_connections() {
    let stage = Stage::new();
    stage.serve("plain", &["--net=host"], "tcp", "[::]:7604");
    let mut before = [hold(&stage, "hold", "127.0.0.1:7604")];
    let begun = Instant::now();
    cofferdam(&stage, &["protect", "plain", "--label", "app=plain"]);
    cofferdam(&stage, &["enforce", "plain"]);
    println!("{:?} after `protect`", until_ended(&mut before, begun));
    cofferdam(&stage, &["off"]);
    let mut meanwhile = [hold(&stage, "hold", "127.0.0.1:7604")];
    let begun = Instant::now();
    cofferdam(&stage, &["on"]);
    let time = until_ended(&mut meanwhile, begun);
    println!("{time:?} after `on`");
    assert!(time < SOON, "{time:?}");
}

/// `established = "keep"`, and a reload that takes it back.
#[test]
fn root_established_flows_are_kept_if_asked() {
    let lab = Lab::new().expect("a lab");
    std::fs::write(&lab.paths.config, "[policy]\nestablished = \"keep\"\n").expect("a configuration");
    let daemon = lab.daemon(&[]).expect("a daemon");
    let stage = Stage { daemon, lab };
    stage.serve("web", &["-l", "app=web", "--net=host"], "tcp", "[::]:7605");
    cofferdam(&stage, &["observe", "web"]);
    let mut flow = [hold(&stage, "hold", "127.0.0.1:7605")];
    cofferdam(&stage, &["enforce", "web"]);
    std::thread::sleep(SOON + SOON / 2);
    assert!(flow[0].alive(), "it is kept");
    std::fs::write(&stage.lab.paths.config, "").expect("a configuration");
    let begun = Instant::now();
    let daemon = nix::unistd::Pid::from_raw(i32::try_from(stage.daemon.pid()).expect("a pid"));
    nix::sys::signal::kill(daemon, nix::sys::signal::Signal::SIGHUP).expect("reloaded");
    println!("{:?} after the reload", until_ended(&mut flow, begun));
}
