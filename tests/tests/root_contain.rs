//! What a network namespace would have given a workload on the host's network: its own loopback, its own ports, and nothing
//! that belongs to others. Each test is named after its guarantee in `docs/guarantees.md`.
#![allow(clippy::expect_used, reason = "functions of a test")]

use std::fs;

use cofferdam_tests::probe::{self, Kind};
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
