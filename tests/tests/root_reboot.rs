//! G-REBOOT: what the early unit holds between boot and the daemon. A reboot is played: no daemon, no dockerd, no
//! container runs, no pin is left; then the unit's own command, Docker, and only later the daemon.
#![allow(clippy::expect_used, reason = "functions of a test")]

use cofferdam_tests::binaries;
use cofferdam_tests::lab::Lab;
use cofferdam_tests::lab::network::{HOST_V4, LAN_V4};
use cofferdam_tests::probe::{self, Kind, Server};
use cofferdam_tests::walkthrough::scene::eventually;
use nix::sys::signal::Signal;

mod stage;

use stage::Stage;

const WEB: &str = "127.0.0.1:7421";

/// The lab after a reboot; its dockerd runs no container yet.
fn reboot(stage: Stage) -> Lab {
    let Stage { mut daemon, mut lab } = stage;
    daemon.end(Signal::SIGTERM).expect("stopped");
    lab.engine
        .docker(&["stop", "-t", "0", "web", "friend"])
        .expect("docker stop");
    lab.engine.stop();
    std::fs::remove_dir_all(&lab.paths.bpffs).expect("pins go with the memory");
    lab
}

/// `cofferdam daemon --early`, as the unit calls it, then Docker and the containers of before.
fn boot(lab: &mut Lab) -> String {
    let mut args = vec!["daemon".to_string(), "--early".to_string()];
    args.extend(lab.paths.flags());
    let said = lab
        .host
        .must(binaries::cofferdam().expect("cofferdam"), &args)
        .expect("daemon --early");
    lab.engine.launch().expect("dockerd");
    lab.engine
        .docker(&["start", "web", "friend"])
        .expect("docker start");
    eventually("web listens again", || {
        Ok(lab.engine.docker(&["logs", "web"])?.matches("ready").count() == 2)
    })
    .expect("a server");
    said
}

fn friend_reaches(lab: &Lab) -> bool {
    let arguments = probe::arguments(Kind::Tcp, WEB, 2);
    let mut args = vec!["exec", "friend", "cofferdam-probe"];
    args.extend(arguments.iter().map(String::as_str));
    let text = lab.engine.docker(&args).expect("docker exec");
    let attempts: probe::Attempts = serde_json::from_str(&text).expect("the probe's JSON");
    attempts.all_answered("web")
}

fn closed(lab: &Lab) -> bool {
    let from_host = probe::attempt(&lab.host, Kind::Tcp, WEB, 2).expect("an attempt");
    let from_lan = probe::attempt(&lab.lan, Kind::Tcp, &format!("{HOST_V4}:7421"), 1).expect("an attempt");
    from_host.all_refused() && from_lan.none_answered()
}

/// G-REBOOT: containers of the last run are closed from their first instruction on, peers reach each other, nobody else
/// gets in; the daemon adopts that without cutting a connection.
#[test]
fn root_the_early_unit_holds_enforcement_from_boot() {
    let stage = Stage::new();
    stage.serve("web", &["-l", "app=web", "--net=host"], "tcp", "0.0.0.0:7421");
    stage
        .lab
        .engine
        .docker(&[
            "run",
            "-dit",
            "--name",
            "friend",
            "--net=host",
            "-l",
            "app=web",
            "curl",
        ])
        .expect("docker run");
    assert!(
        closed(&stage.lab) && friend_reaches(&stage.lab),
        "before the reboot"
    );
    let mut lab = reboot(stage);
    let said = boot(&mut lab);
    assert!(said.contains("saved state in force"), "{said}");
    assert!(closed(&lab), "before the daemon: from the host and from {LAN_V4}");
    assert!(friend_reaches(&lab), "before the daemon");
    let attempt = probe::arguments(Kind::Tcp, WEB, 1);
    let mut args = vec![
        "run",
        "--rm",
        "--net=host",
        "-l",
        "app=web",
        "curl",
        "cofferdam-probe",
    ];
    args.extend(attempt.iter().map(String::as_str));
    let text = lab.engine.docker(&args).expect("docker run");
    let unknown: probe::Attempts = serde_json::from_str(&text).expect("the probe's JSON");
    assert!(
        unknown.none_answered(),
        "made meanwhile, so nobody knows it: {text}"
    );
    let socket = format!("unix://{}", lab.engine.socket().display());
    let hold = ["-H", &socket, "exec", "friend", "cofferdam-probe", "hold", WEB];
    let mut held = Server::start(&lab.host, &mut lab.host.command("docker", &hold)).expect("a connection");
    let _daemon = lab.daemon(&[]).expect("a daemon");
    assert_eq!(lab.json(&["status"]).expect("status")["adopted"], true);
    assert!(closed(&lab), "with the daemon");
    assert!(friend_reaches(&lab), "with the daemon");
    assert!(held.alive(), "the daemon's start cut a connection");
}
