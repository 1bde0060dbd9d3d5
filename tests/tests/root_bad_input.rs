//! When something is wrong, the user reads one clear line and a hint, and what can still be protected is.
#![allow(clippy::expect_used, reason = "functions of a test")]

use std::process::Command;
use std::time::Duration;

use cofferdam_tests::binaries;
use cofferdam_tests::lab::{Lab, Outcome};
use cofferdam_tests::probe::Kind;
use cofferdam_tests::walkthrough::scene::eventually;

mod stage;

use stage::{Stage, one_line_and_hint};

/// The daemon's command line in this lab, behind a wrapper such as `setpriv`.
fn daemon_behind(lab: &Lab, wrapper: &[&str]) -> Outcome {
    let program = binaries::cofferdam().expect("cofferdam").display().to_string();
    let mut args: Vec<String> = wrapper[1..].iter().map(ToString::to_string).collect();
    args.extend([program, "daemon".to_string()]);
    args.extend(lab.paths.flags());
    lab.host
        .run_for(Duration::from_secs(10), wrapper[0], &args)
        .expect("a process")
}

fn refused(outcome: &Outcome, words: &[&str]) {
    assert_eq!(outcome.code, Some(2), "{outcome}");
    one_line_and_hint(outcome);
    for word in words {
        assert!(
            outcome.stderr.to_lowercase().contains(word),
            "does not say {word:?}: {outcome}"
        );
    }
}

#[test]
fn root_daemon_without_root_says_so() {
    let lab = Lab::new().expect("a lab");
    let outcome = daemon_behind(
        &lab,
        &["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"],
    );
    refused(&outcome, &["root", "sudo"]);
}

#[test]
fn root_daemon_without_cgroup_v2_says_so() {
    let lab = Lab::new().expect("a lab");
    let script = "umount -l $(awk '$3==\"cgroup2\"{print $2}' /proc/mounts) && exec \"$@\"";
    let outcome = daemon_behind(&lab, &["unshare", "--mount", "sh", "-c", script, "sh"]);
    refused(&outcome, &["cgroup v2"]);
}

#[test]
fn root_daemon_without_bpf_names_what_is_refused() {
    let lab = Lab::new().expect("a lab");
    let without = "--bounding-set=-bpf,-sys_admin,-net_admin";
    let outcome = daemon_behind(
        &lab,
        &["setpriv", without, "--inh-caps=-bpf,-sys_admin,-net_admin"],
    );
    refused(&outcome, &["bpf"]);
}

#[test]
fn root_a_second_daemon_is_refused() {
    let stage = Stage::new();
    let outcome = daemon_behind(&stage.lab, &["env"]);
    refused(&outcome, &["already"]);
    assert!(
        stage.lab.cofferdam(&["status"]).expect("status").success(),
        "the first one goes on"
    );
}

#[test]
fn root_a_label_without_a_value_is_refused() {
    let stage = Stage::new();
    for label in ["nginx", "=nginx", "app nginx"] {
        let outcome = stage.lab.run(&["--label", label], &["true"]).expect("run");
        assert_eq!(outcome.code, Some(125), "{label}: {outcome}");
        one_line_and_hint(&outcome);
        assert!(
            outcome.stderr.contains("key=value") || outcome.stderr.contains("KEY=VALUE"),
            "{outcome}"
        );
    }
}

/// G-NO-DOCKER: Docker comes late: processes are protected meanwhile, and its containers once it is there.
#[test]
fn root_docker_absent_at_start_is_picked_up() {
    let mut lab = Lab::new().expect("a lab");
    lab.engine.stop();
    let daemon = lab.daemon(&[]).expect("a daemon without Docker");
    assert!(
        daemon.log().to_lowercase().contains("docker"),
        "it says that Docker is absent: {}",
        daemon.log()
    );
    let mut stage = Stage { daemon, lab };
    let probe = binaries::probe().expect("probe").display().to_string();
    let args = stage.lab.arguments(&[
        "run",
        "--label",
        "app=p",
        "--",
        &probe,
        "serve",
        "p",
        "tcp",
        "127.0.0.1:7201",
    ]);
    let mut command: Command = stage
        .lab
        .host
        .command(binaries::cofferdam().expect("cofferdam"), &args);
    let _server =
        cofferdam_tests::probe::Server::start(&stage.lab.host, &mut command).expect("a protected process");
    assert!(stage.host_tries(Kind::Tcp, "127.0.0.1:7201", 2).all_refused());
    assert!(
        stage
            .run_tries("app=p", Kind::Tcp, "127.0.0.1:7201", 1)
            .all_answered("p")
    );
    stage.lab.engine.launch().expect("dockerd");
    eventually("the daemon finds Docker", || {
        Ok(stage.lab.json(&["status"])?["docker"]["state"] == "connected")
    })
    .expect("connected");
    stage.serve("late", &["-l", "app=late", "--net=host"], "tcp", "127.0.0.1:7202");
    assert!(stage.host_tries(Kind::Tcp, "127.0.0.1:7202", 2).all_refused());
}

/// G-RESYNC: dockerd restarts: what happened meanwhile is known afterwards.
#[test]
fn root_dockerd_restart_resynchronises() {
    let mut stage = Stage::new();
    stage.serve(
        "old",
        &["-l", "app=old", "--net=host", "--restart=always"],
        "tcp",
        "127.0.0.1:7203",
    );
    stage.lab.engine.restart().expect("dockerd restarts");
    eventually("the container is back", || {
        Ok(stage
            .run_tries("app=old", Kind::Tcp, "127.0.0.1:7203", 1)
            .all_answered("old"))
    })
    .expect("the container is back");
    assert!(stage.host_tries(Kind::Tcp, "127.0.0.1:7203", 2).all_refused());
    stage.serve("new", &["-l", "app=new", "--net=host"], "tcp", "127.0.0.1:7204");
    assert!(stage.host_tries(Kind::Tcp, "127.0.0.1:7204", 2).all_refused());
    let names: Vec<String> = stage.lab.json(&["ps"]).expect("ps")["workloads"]
        .as_array()
        .expect("workloads")
        .iter()
        .map(|w| w["name"].to_string())
        .collect();
    assert_eq!(names.iter().filter(|n| n.contains("old")).count(), 1, "{names:?}");
}
