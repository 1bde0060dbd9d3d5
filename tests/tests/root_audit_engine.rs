//! The audit of a live host: what Swarm and compose configure, and no container's ports or mounts show.
#![allow(clippy::expect_used, reason = "functions of a test")]

use std::process::Stdio;

use cofferdam_tests::binaries;
use cofferdam_tests::lab::Lab;
use cofferdam_tests::lab::network::HOST_V4;
use cofferdam_tests::probe::{self, Kind};
use cofferdam_tests::walkthrough::scene::eventually;

/// G-AUDIT-LIVE: what Swarm publishes stands in no container; the engine is asked for it.
#[test]
fn root_the_audit_sees_what_swarm_publishes() {
    let lab = Lab::new().expect("a lab");
    let docker = |line: &str| {
        let args: Vec<&str> = line.split_whitespace().collect();
        lab.engine.docker(&args).expect(line)
    };
    let target = "cofferdam-probe serve web tcp 0.0.0.0:80";
    // No registry answers there, and at once: Swarm then takes the image that is here.
    docker("tag curl localhost:1/curl");
    docker(&format!("swarm init --advertise-addr {HOST_V4}"));
    docker(&format!(
        "service create -d --no-resolve-image --name web -p 8095:80 localhost:1/curl {target}"
    ));
    docker(&format!(
        "service create -d --no-resolve-image --name none --replicas 0 -p 8096:80 localhost:1/curl {target}"
    ));
    docker(&format!(
        "service create -d --no-resolve-image --name own -p mode=host,published=8097,target=80 localhost:1/curl {target}"
    ));
    // The mesh forwards where the kernel has IPVS; what it opens is the engine's own word.
    let mode = "{{range .Endpoint.Ports}}{{.PublishMode}} {{.PublishedPort}}{{end}}";
    let says = |name: &str| lab.engine.docker(&["service", "inspect", "-f", mode, name]);
    assert_eq!(says("web").expect("ports"), "ingress 8095");
    let runs = || Ok(lab.engine.docker(&["ps", "-q"])?.lines().count() == 2);
    eventually("the copies run", runs).expect("two containers");
    let port = format!("{HOST_V4}:8097");
    let reached = || Ok(!probe::attempt(&lab.lan, Kind::Tcp, &port, 1)?.none_answered());
    eventually("the port of `mode: host` is reached", reached).expect("a connection");
    let answer = audit(&lab);
    let mut told = findings_of(&answer, "swarm-publish");
    told.sort();
    let open = |port| format!("in a swarm {port} is open on every address of every node");
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(
        (&told[0].0, &told[0].1),
        (&open(8095), &"docker:service web".to_owned())
    );
    assert_eq!(
        (&told[1].0, &told[1].1),
        (&open(8096), &"docker:service none".to_owned())
    );
    assert!(
        told.iter().all(|(_, _, severity)| severity == "medium"),
        "{told:?}"
    );
    let bridged = findings_of(&answer, "default-bridge");
    assert_eq!(
        bridged.len(),
        1,
        "the copy with a port of its own alone: {bridged:?}"
    );
}

/// G-AUDIT-LIVE: a container that compose gave the engine's socket and the registries' credentials by `use_api_socket`.
#[test]
fn root_the_audit_sees_the_api_socket_that_compose_gives() {
    let Some(compose) = binaries::compose() else {
        eprintln!("skipped: no docker compose; `cargo xtask setup` fetches it");
        return;
    };
    let lab = Lab::new().expect("a lab");
    let folder = tempfile::tempdir().expect("folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    write(
        "config.json",
        r#"{"auths": {"registry.example": {"auth": "dXNlcjpwYXNz"}}}"#,
    );
    let file = write(
        "compose.yaml",
        "services:\n  builder:\n    image: curl\n    command: sleep 60\n    use_api_socket: true\n",
    );
    let socket = lab.engine.socket().display().to_string();
    let mut command = lab
        .host
        .command(&compose, &["-p", "lab", "-f", &file, "up", "-d"]);
    command
        .env("DOCKER_HOST", format!("unix://{socket}"))
        .env("DOCKER_CONFIG", folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let ended = lab
        .host
        .spawn(&mut command)
        .and_then(|child| Ok(child.wait_with_output()?))
        .expect("compose");
    assert!(ended.status.success(), "{ended:?}");
    eprintln!(
        "{}",
        lab.engine.docker(&["inspect", "lab-builder-1"]).expect("inspect")
    );
    let answer = audit(&lab);
    let told = findings_of(&answer, "api-socket");
    assert_eq!(told.len(), 1, "{answer}");
    assert_eq!(
        (told[0].1.as_str(), told[0].2.as_str()),
        ("docker:lab-builder-1", "high")
    );
    assert_eq!(
        findings_of(&answer, "engine-socket"),
        [],
        "one cause, one finding"
    );
}

fn audit(lab: &Lab) -> serde_json::Value {
    let socket = lab.engine.socket().display().to_string();
    let outcome = lab
        .cofferdam(&["audit", "--format", "json", "--engine", &socket])
        .expect("the audit");
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome:?}"))
}

/// What a rule says: message, place, severity.
fn findings_of(answer: &serde_json::Value, rule: &str) -> Vec<(String, String, String)> {
    let findings = answer["findings"].as_array().expect("findings");
    let text = |finding: &serde_json::Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    findings
        .iter()
        .filter(|finding| finding["rule"] == rule)
        .map(|finding| {
            (
                text(finding, "message"),
                text(finding, "file"),
                text(finding, "severity"),
            )
        })
        .collect()
}
