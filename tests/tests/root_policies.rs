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
    fs::write(path, SHOP).expect("a file");
    let diff = || stage.lab.cofferdam(&["policy", "diff", path]).expect("diff");
    let changes = diff();
    assert_eq!(changes.code, Some(1), "{changes}");
    assert!(
        changes.stdout.contains("web") && changes.stdout.contains("7600/tcp"),
        "{changes}"
    );
    let done = apply(SHOP).ok().expect("apply");
    assert_eq!(diff().code, Some(0), "{}", diff());
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

    let remove = |name: &str| stage.lab.cofferdam(&["policy", "remove", name]).expect("remove");
    let wrong = remove("default/db");
    stage::one_line_and_hint(&wrong);
    assert!(wrong.stderr.contains("/shop.yaml: take it out there"), "{wrong}");
    assert!(is_served(&stage, "web"), "nothing was removed");
    let gone = remove(path).ok().expect("remove");
    assert!(
        gone.contains("removed: default/db (shop.yaml), selected db"),
        "{gone}"
    );
    assert!(!is_served(&stage, "web"), "at once");
}

/// A policy about addresses: `db` is reached from `from`, and `web` reaches `to`.
fn by_address(from: &str, to: &str) -> String {
    let policy = |name: &str, kind: &str, rules: &str| {
        format!(
            "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}}}\n\
             spec: {{podSelector: {{matchLabels: {{app: {name}}}}}, policyTypes: [{kind}], {rules}}}\n"
        )
    };
    let db = format!("ingress: [{{from: [{{ipBlock: {from}}}]}}]");
    let web = format!("egress: [{{to: [{{ipBlock: {to}}}]}}]");
    policy("db", "Ingress", &db) + &policy("web", "Egress", &web)
}

/// G-ADDRESS-BLOCKS: `ipBlock` is about addresses, whoever has them: on the host's network the client's is known when it connects.
#[test]
fn root_address_blocks_hold_for_workloads_of_one_namespace() {
    let stage = shop();
    let tries = |address: &str| stage.container_tries("web", Kind::Tcp, address, 2);
    let host = |address: &str| stage.host_tries(Kind::Tcp, address, 2);
    write(
        &stage,
        "a.yaml",
        &by_address("{cidr: 127.0.0.0/8}", "{cidr: 0.0.0.0/0}"),
    );
    until(&stage, "web", true);
    assert!(tries("192.168.77.1:7600").all_refused(), "from another address");
    let explained = || {
        let answer = stage
            .lab
            .cofferdam(&["explain", "web", "db", "7600", "--json"])
            .expect("explain");
        let answer: serde_json::Value = serde_json::from_str(&answer.stdout).expect("JSON");
        answer["verdict"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(explained(), "allow");
    assert!(
        host("127.0.0.1:7600").all_answered("db"),
        "unprotected, but from there"
    );
    assert!(host("192.168.77.1:7600").all_refused());
    write(
        &stage,
        "a.yaml",
        &by_address("{cidr: 0.0.0.0/0}", "{cidr: 192.168.77.0/24}"),
    );
    until(&stage, "web", false);
    assert!(tries("192.168.77.1:7600").all_answered("db"));
    write(
        &stage,
        "a.yaml",
        &by_address(
            "{cidr: 0.0.0.0/0, except: [192.168.77.1/32]}",
            "{cidr: 0.0.0.0/0}",
        ),
    );
    until(&stage, "web", true);
    let mut held = stage.hold("app=web", "127.0.0.1:7600");
    assert!(tries("192.168.77.1:7600").all_refused());
    write(
        &stage,
        "a.yaml",
        &by_address("{cidr: 10.0.0.0/8}", "{cidr: 0.0.0.0/0}"),
    );
    until(&stage, "web", false);
    assert_eq!(explained(), "deny");
    eventually("the connection ends", || Ok(!held.alive())).expect("an end");
}

/// G-ADDRESS-BLOCKS: between namespaces it is known by the packet: allowed on TCP and UDP, or refused as packets are.
#[test]
fn root_address_blocks_hold_for_workloads_of_two_namespaces() {
    let stage = Stage::new();
    stage.serve("db", &["-l", "app=db"], "tcp", "[::]:7600");
    stage.serve("db-udp", &["-l", "app=db"], "udp", "0.0.0.0:7601");
    let web = ["run", "-dit", "--name", "web", "-l", "app=web", "curl"];
    stage.lab.engine.docker(&web).expect("web");
    let address = |name: &str| stage.address(name, "{{.NetworkSettings.IPAddress}}");
    let (own, db) = (address("web"), address("db"));
    let (tcp, udp) = (format!("{db}:7600"), format!("{}:7601", address("db-udp")));
    let served = |kind: Kind, to: &str, name: &str| {
        let seen = stage.container_tries("web", kind, to, 2);
        assert!(seen.all_answered(name) || seen.none_answered(), "{seen:?}");
        seen.all_answered(name)
    };
    let both = |expected: bool| {
        eventually("TCP", || Ok(served(Kind::Tcp, &tcp, "db") == expected)).expect("a verdict");
        eventually("UDP", || Ok(served(Kind::Udp, &udp, "db-udp") == expected)).expect("a verdict");
    };
    assert!(!served(Kind::Tcp, &tcp, "db"));
    write(
        &stage,
        "a.yaml",
        &by_address("{cidr: 172.17.0.0/16}", "{cidr: 172.17.0.0/16}"),
    );
    both(true);
    let except = format!("{{cidr: 172.17.0.0/16, except: [{own}/32]}}");
    write(&stage, "a.yaml", &by_address(&except, "{cidr: 172.17.0.0/16}"));
    both(false);
    write(
        &stage,
        "a.yaml",
        &by_address(&format!("{{cidr: {own}/32}}"), "{cidr: 172.17.0.0/16}"),
    );
    both(true);
    let flows = stage.lab.json(&["flows"]).expect("flows").to_string();
    assert!(flows.contains("default/db/ingress[0]"), "{flows}");
    write(
        &stage,
        "a.yaml",
        &by_address(&format!("{{cidr: {own}/32}}"), &format!("{{cidr: {own}/32}}")),
    );
    both(false);
}

/// `keep`: what was open before the policy goes on, what comes is denied; without it, what was open ends.
#[test]
fn root_a_policy_may_keep_what_is_open() {
    let stage = Stage::new();
    stage.serve("web", &["-l", "app=web", "--net=host"], "tcp", "[::]:7600");
    let mut held = stage.hold("app=web", "127.0.0.1:7600");
    let tries = || stage.run_tries("app=web", Kind::Tcp, "127.0.0.1:7600", 1);
    assert!(tries().all_answered("web"));
    let policy = |more: &str| {
        let text = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web}\n";
        write(
            &stage,
            "web.yaml",
            &format!("{text}spec: {{podSelector: {{}}, {more}}}\n"),
        );
        eventually("the policy", || Ok(tries().all_refused())).expect("a verdict");
    };
    policy("keep: true");
    std::thread::sleep(Duration::from_millis(1500));
    assert!(held.alive(), "{:#}", stage.lab.json(&["flows"]).expect("flows"));
    policy("keep: false");
    eventually("the connection ends", || Ok(!held.alive())).expect("an end");
}
