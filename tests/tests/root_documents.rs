//! G-DOCUMENTS: documents in the policy folder, on real sockets: which rule wins, where ranges end, whom selectors mean.
#![allow(clippy::expect_used, reason = "functions of a test")]

use std::fs;
use std::time::{Duration, Instant};

use cofferdam_tests::binaries;
use cofferdam_tests::probe::{self, Attempts, Kind};
use cofferdam_tests::walkthrough::scene::eventually;

mod stage;

use stage::Stage;

/// Only what a policy denies is denied here.
fn stage() -> Stage {
    Stage::with(&["--default", "allow"])
}

fn write(stage: &Stage, text: &str) {
    fs::write(stage.lab.paths.policies.join("documents.yaml"), text).expect("a policy");
}

/// What a process with these labels gets from a TCP server.
fn tries(stage: &Stage, labels: &[&str], address: &str) -> Attempts {
    let probe = binaries::probe().expect("probe").display().to_string();
    let arguments = probe::arguments(Kind::Tcp, address, 1);
    let labels: Vec<&str> = labels.iter().flat_map(|label| ["--label", label]).collect();
    let mut program = vec![probe.as_str()];
    program.extend(arguments.iter().map(String::as_str));
    let outcome = stage.lab.run(&labels, &program).expect("run");
    serde_json::from_str(&outcome.ok().expect("the probe")).expect("the probe's JSON")
}

/// Until a process with that label is answered, or refused at once; nothing else may happen meanwhile.
fn until(stage: &Stage, label: &str, address: &str, served: bool) {
    eventually(&format!("{label} to {address}: {served}"), || {
        let seen = tries(stage, &[label], address);
        assert!(
            seen.all_refused() || seen.attempts.iter().all(|a| a.answer.is_some()),
            "{seen:?}"
        );
        Ok(seen.all_refused() != served)
    })
    .expect("a verdict");
}

/// Row 14: of ClusterNetworkPolicies the smaller priority comes first, whether it denies or accepts.
#[test]
fn root_the_smaller_priority_comes_first() {
    let stage = stage();
    let serve = |address: &str| probe::serve(&stage.lab.lan, "lan", "tcp", address).expect("a server");
    let (near, far) = ("192.168.77.2:7700", "203.0.113.9:7700");
    let _servers = [serve(near), serve(far)];
    let policies = |deny: u32, accept: u32| {
        let policy = |name: &str, priority: u32, action: &str, net: &str| {
            format!(
                "---\napiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\n\
                 metadata: {{name: {name}}}\nspec:\n  tier: Admin\n  priority: {priority}\n  \
                 subject: {{pods: {{podSelector: {{matchLabels: {{app: row14}}}}}}}}\n  \
                 egress: [{{action: {action}, to: [{{networks: [{net}]}}]}}]\n"
            )
        };
        policy("all", deny, "Deny", "0.0.0.0/0") + &policy("near", accept, "Accept", "192.168.0.0/16")
    };
    write(&stage, &policies(20, 10));
    until(&stage, "app=row14", far, false);
    until(&stage, "app=row14", near, true);
    write(&stage, &policies(10, 20));
    until(&stage, "app=row14", near, false);
    until(&stage, "app=other", near, true);
}

/// Row 15: `except` cuts a hole, and another block may lie in the hole. Row 16: what is only observed passes, and is told.
#[test]
fn root_blocks_have_holes_and_observed_denials_pass() {
    let stage = stage();
    let serve = |address: &str| probe::serve(&stage.lab.lan, "lan", "tcp", address).expect("a server");
    let (near, far) = ("192.168.77.2:7700", "203.0.113.9:7700");
    let _servers = [serve(near), serve(far)];
    let nested = |blocks: &str| {
        format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: nested}}\n\
             spec: {{podSelector: {{matchLabels: {{app: row15}}}}, policyTypes: [Egress], egress: [{{to: [{blocks}]}}]}}\n"
        )
    };
    let holed = "{ipBlock: {cidr: 192.168.0.0/16, except: [192.168.77.0/24]}}";
    write(&stage, &nested(holed));
    until(&stage, "app=row15", near, false);
    write(
        &stage,
        &nested(&format!("{holed}, {{ipBlock: {{cidr: 192.168.77.2/32}}}}")),
    );
    until(&stage, "app=row15", near, true);
    until(&stage, "app=row15", far, false);

    write(
        &stage,
        &nested(holed).replace("spec: {", "spec: {observe: true, "),
    );
    until(&stage, "app=row15", near, true);
    eventually("the denial that was none is told", || {
        let flows = stage.lab.json(&["flows", "--denied"])?;
        let flows = flows["flows"].as_array().cloned().unwrap_or_default();
        let told = |flow: &serde_json::Value| {
            flow["mode"] == "observe" && flow["rule"]["name"] == "default/nested/not-allowed"
        };
        Ok(flows.iter().any(told))
    })
    .expect("a record");
}

/// Row 17: ranges include both their ends and nothing beyond. Row 18: a flow that a change denies ends within a second.
#[test]
fn root_ranges_end_where_they_say_and_flows_end_with_their_rule() {
    let stage = stage();
    let ports = [84, 85, 89, 90, 98, 100, 101];
    for port in ports {
        let name = format!("port-{port}");
        stage.serve(
            &name,
            &["-l", "app=row17", "--net=host"],
            "tcp",
            &format!("[::]:{port}"),
        );
    }
    let policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: ranges}\nspec:\n  \
                  podSelector: {matchLabels: {app: row17}}\n  \
                  ingress: [{ports: [{port: 80, endPort: 85}, {port: 90, endPort: 100}]}]\n";
    write(&stage, policy);
    until(&stage, "app=x", "127.0.0.1:101", false);
    for port in ports {
        let served = (80..=85).contains(&port) || (90..=100).contains(&port);
        until(&stage, "app=x", &format!("127.0.0.1:{port}"), served);
        let seen = probe::attempt(&stage.lab.lan, Kind::Tcp, &format!("192.168.77.1:{port}"), 1)
            .expect("an attempt");
        assert_eq!(seen.none_answered(), !served, "{port} from the LAN: {seen:?}");
    }
    let mut held = stage.hold("app=x", "127.0.0.1:98");
    let mut kept = stage.hold("app=x", "127.0.0.1:85");
    write(&stage, &policy.replace("endPort: 100", "endPort: 97"));
    let start = Instant::now();
    eventually("the connection ends", || Ok(!held.alive())).expect("an end");
    assert!(
        start.elapsed() < Duration::from_millis(1500),
        "{:?}",
        start.elapsed()
    );
    assert!(kept.alive(), "it is allowed still");
}

const SELECTORS: &str = "apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: both}
spec:
  podSelector:
    matchExpressions: [{key: app, operator: In, values: [web, db]}, {key: env, operator: In, values: [prod]}]
  ingress:
    - from:
        - podSelector:
            matchExpressions: [{key: env, operator: NotIn, values: [demo, qa]}, {key: gone, operator: DoesNotExist}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: neither}
spec:
  podSelector: {matchLabels: {app: row23}}
  ingress:
    - from:
        - podSelector:
            matchExpressions: [{key: left, operator: DoesNotExist}, {key: right, operator: DoesNotExist}]
";

/// Row 22: expressions are ANDed, and `In` does not match without the key. Row 23: `NotIn` does, each `DoesNotExist` must hold.
#[test]
fn root_selectors_mean_what_they_say() {
    let stage = stage();
    for (name, labels, address) in [
        ("whole", &["-l", "app=web", "-l", "env=prod"][..], "[::]:7801"),
        ("half", &["-l", "app=web"], "[::]:7802"),
        ("row23", &["-l", "app=row23"], "[::]:7803"),
    ] {
        let arguments = [labels, &["--net=host"]].concat();
        stage.serve(name, &arguments, "tcp", address);
    }
    write(&stage, SELECTORS);
    let (whole, half, neither) = ("127.0.0.1:7801", "127.0.0.1:7802", "127.0.0.1:7803");
    until(&stage, "env=demo", whole, false);
    for (labels, address, served) in [
        (&["app=x"][..], whole, true),
        (&["app=x", "env=prod"], whole, true),
        (&["app=x", "env=qa"], whole, false),
        (&["app=x", "gone=no"], whole, false),
        (&["app=x", "env=demo"], half, true),
        (&["app=x"], neither, true),
        (&["app=x", "left=x"], neither, false),
        (&["app=x", "right=y"], neither, false),
        (&["app=x", "left=y", "right=y"], neither, false),
    ] {
        let seen = tries(&stage, labels, address);
        assert!(
            seen.attempts[0].answer.is_some() == served && seen.all_refused() != served,
            "{labels:?} to {address}: {seen:?}"
        );
    }
    // An unprotected process is no pod, whatever the selector lacks.
    let host = stage.host_tries(Kind::Tcp, whole, 1);
    assert!(host.all_refused(), "{host:?}");
}
