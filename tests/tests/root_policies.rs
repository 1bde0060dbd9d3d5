//! G-POLICIES: what the policy folder says is in force a moment after it was written, and no mistake takes it away.
#![allow(clippy::expect_used, reason = "functions of a test")]

use std::fs;
use std::time::{Duration, Instant};

use cofferdam_tests::probe::Kind;
use cofferdam_tests::walkthrough::scene::eventually;

mod stage;

use stage::Stage;

/// From the end of a write to the verdict by it.
const SOON: Duration = Duration::from_millis(500);

const SHOP: &str = "apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: 7600}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress: [{to: [{podSelector: {matchLabels: {app: db}}}]}]
";

fn write(stage: &Stage, name: &str, text: &str) {
    fs::write(stage.lab.paths.policies.join(name), text).expect("a policy");
}

/// A database and a client on the host's network.
fn shop() -> Stage {
    let stage = Stage::new();
    stage.serve("db", &["-l", "app=db", "--net=host"], "tcp", "[::]:7600");
    let web = [
        "run",
        "-dit",
        "--name",
        "web",
        "-l",
        "app=web",
        "--net=host",
        "curl",
    ];
    stage.lab.engine.docker(&web).expect("web");
    stage
}

fn is_served(stage: &Stage, client: &str) -> bool {
    stage
        .container_tries(client, Kind::Tcp, "127.0.0.1:7600", 1)
        .all_answered("db")
}

/// Waits for a verdict; how long it took, the attempts included.
fn until(stage: &Stage, client: &str, served: bool) -> Duration {
    let start = Instant::now();
    eventually("the verdict", || Ok(is_served(stage, client) == served)).expect("a verdict");
    start.elapsed()
}

fn warnings(stage: &Stage) -> String {
    stage.lab.json(&["status"]).expect("status")["warnings"].to_string()
}

/// Opened by a file, kept by a bad one over a restart, closed by its removal; an established connection ends with it.
#[test]
fn root_a_policy_file_changes_verdicts_at_once() {
    let mut stage = shop();
    assert!(!is_served(&stage, "web"));
    write(&stage, "shop.yaml", SHOP);
    assert!(until(&stage, "web", true) < SOON);
    let mut held = stage.hold("app=web", "127.0.0.1:7600");
    let host = stage.host_tries(Kind::Tcp, "127.0.0.1:7600", 1);
    assert!(host.all_refused(), "the policy names web only: {host:?}");

    write(&stage, "shop.yaml", &SHOP.replace("ingress:", "ingres:"));
    eventually("the mistake is told", || {
        Ok(warnings(&stage).contains("shop.yaml:6:3: "))
    })
    .expect("a warning");
    assert!(is_served(&stage, "web"));
    stage.daemon.end(nix::sys::signal::Signal::SIGKILL).expect("kill");
    stage.daemon = stage.lab.daemon(&[]).expect("a daemon");
    assert!(is_served(&stage, "web"), "as before the restart");
    assert!(warnings(&stage).contains("shop.yaml:6:3: "));
    assert!(held.alive(), "its connection went on all the time");

    fs::remove_file(stage.lab.paths.policies.join("shop.yaml")).expect("remove");
    assert!(until(&stage, "web", false) < SOON);
    eventually("the connection ends", || Ok(!held.alive())).expect("an end");
    assert_eq!(warnings(&stage), "[]");
}

/// `podSelector: {}` protects who has no identity label, also a container that runs already.
#[test]
fn root_an_empty_selector_protects_everybody_of_the_namespace() {
    let stage = Stage::new();
    stage.serve("plain", &["--net=host"], "tcp", "[::]:7601");
    let tries = || stage.host_tries(Kind::Tcp, "127.0.0.1:7601", 1);
    assert!(tries().all_answered("plain"));
    let all = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: all}\nspec: {podSelector: {}}\n";
    write(
        &stage,
        "all.yaml",
        &all.replace("{podSelector: {}}", "{podSelector: {}, observe: true}"),
    );
    std::thread::sleep(SOON);
    assert!(tries().all_answered("plain"), "it is only watched");
    write(&stage, "all.yaml", all);
    eventually("it is protected", || Ok(tries().all_refused())).expect("a refusal");
    assert_eq!(stage.scene_workload("plain")["protected"], true);
    fs::remove_file(stage.lab.paths.policies.join("all.yaml")).expect("remove");
    eventually("it is left alone", || Ok(tries().all_answered("plain"))).expect("an answer");
}

/// `cofferdam.profile` and `until`.
#[test]
fn root_postures_and_time() {
    let stage = shop();
    stage.serve(
        "nas",
        &[
            "-l",
            "app=nas",
            "-l",
            "cofferdam.profile=lan-service",
            "--net=host",
        ],
        "tcp",
        "[::]:7602",
    );
    assert!(
        stage
            .host_tries(Kind::Tcp, "127.0.0.1:7602", 1)
            .all_answered("nas")
    );
    assert!(stage.host_tries(Kind::Tcp, "127.0.0.1:7600", 1).all_refused());
    let end = stage
        .lab
        .host
        .must("date", &["-u", "-d", "4 seconds", "+%FT%TZ"])
        .expect("date");
    let text = SHOP.replace("spec:\n", &format!("spec:\n  until: '{}'\n", end.trim()));
    write(&stage, "shop.yaml", &text);
    until(&stage, "web", true);
    assert!(until(&stage, "web", false) < Duration::from_secs(6));
}

/// `policy apply` answers for what is in force when it ends, takes back what is refused, and `show` prints what is in force.
#[test]
fn root_apply_ends_when_the_policy_is_in_force() {
    let stage = shop();
    let home = tempfile::tempdir().expect("a folder");
    let path = home.path().join("shop.yaml");
    let path = path.to_str().expect("a path");
    let apply = |text: &str| {
        fs::write(path, text).expect("a file");
        stage.lab.cofferdam(&["policy", "apply", path]).expect("apply")
    };
    let done = apply(SHOP).ok().expect("apply");
    assert!(is_served(&stage, "web"), "at once");
    assert!(
        done.contains("in force: default/db (shop.yaml), selects db"),
        "{done}"
    );
    let show = |name: &str| stage.lab.cofferdam(&["policy", "show", name]).expect("show");
    let shown = show("default/web").ok().expect("show");
    assert!(
        shown.contains("shop.yaml:10, selects web\n") && !shown.contains("name: db"),
        "{shown}"
    );

    let bad = apply(&SHOP.replace("ingress:", "ingres:"));
    assert_eq!(bad.code, Some(1), "{bad}");
    assert!(bad.stdout.contains("shop.yaml:6:3: "), "{bad}");
    // Good by itself, but another file has that policy: only the daemon can tell.
    let other = home.path().join("other.yaml");
    fs::write(&other, SHOP).expect("a file");
    let twice = stage
        .lab
        .cofferdam(&["policy", "apply", other.to_str().expect("a path")])
        .expect("apply");
    assert_eq!(twice.code, Some(1), "{twice}");
    assert!(twice.stdout.contains("default/db stands in "), "{twice}");
    assert!(!stage.lab.paths.policies.join("other.yaml").exists());
    assert_eq!(warnings(&stage), "[]", "it was taken back");
    assert!(is_served(&stage, "web"));
    stage::one_line_and_hint(&show("nobody"));
}
