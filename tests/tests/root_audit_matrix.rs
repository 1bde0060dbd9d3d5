//! What the matrix foretells is what Cofferdam does: labels, ports and ways of containers, and each path tried.
#![allow(clippy::expect_used, reason = "functions of a test")]

use cofferdam_tests::lab::Lab;
use cofferdam_tests::lab::network::HOST_V4;
use cofferdam_tests::probe::{self, Attempts, Kind};
use cofferdam_tests::walkthrough::scene::eventually;
use serde_json::Value;

/// Name, options, port. All of them serve.
const CONTAINERS: &[(&str, &str, u16)] = &[
    (
        "web",
        "--network shop -p 8080:80 --expose 80 --label app=web --label cofferdam.egress=app=db:5432,host:9100",
        80,
    ),
    (
        "db",
        "--network shop --expose 5432 --label app=db --label cofferdam.ingress=app=web:5432/tcp,lan:5432",
        5432,
    ),
    ("twin", "--network shop --expose 5432 --label app=db", 5432),
    ("plain", "--network shop -p 8081:81 --expose 81", 81),
    ("tool", "--network host --expose 9100", 9100),
    (
        "guarded",
        "--network host --expose 9200 --label app=guarded --label cofferdam.ingress=host:9200",
        9200,
    ),
    (
        "watched",
        "--network host --expose 9300 --label app=watched --label cofferdam.mode=observe",
        9300,
    ),
];

/// G-AUDIT-MATRIX: every path that the matrix lists, tried under the daemon.
#[test]
fn root_the_matrix_foretells_what_cofferdam_does() {
    let lab = Lab::new().expect("a lab");
    let _daemon = lab.daemon(&[]).expect("a daemon");
    let docker = |line: &str| {
        let args: Vec<&str> = line.split_whitespace().collect();
        lab.engine.docker(&args).expect(line)
    };
    docker("network create shop");
    for (name, options, port) in CONTAINERS {
        docker(&format!(
            "run -d --name {name} {options} curl cofferdam-probe serve {name} tcp 0.0.0.0:{port}"
        ));
        let listens = || Ok(lab.engine.docker(&["logs", name])?.contains("ready"));
        eventually(&format!("{name} listens"), listens).expect("a server");
    }
    let socket = lab.engine.socket().display().to_string();
    let answer = lab
        .json(&["audit", "--matrix", "--engine", &socket])
        .expect("the matrix");
    let paths = answer["paths"].as_array().expect("paths");
    let mut wrong = Vec::new();
    let mut tried = [0, 0];
    for path in paths.iter().filter(|path| path["with_cofferdam"] != "unknown") {
        let Some(reached) = attempt(&lab, path) else {
            continue;
        };
        let foretold = path["with_cofferdam"] == "reached";
        tried[usize::from(foretold)] += 1;
        if reached != foretold {
            wrong.push(path.to_string());
        }
    }
    eprintln!("{} paths refused and {} reached, as foretold", tried[0], tried[1]);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried[0] > 15 && tried[1] > 15, "{tried:?}");
}

/// Whether somebody answers; `None` where nobody can begin there.
fn attempt(lab: &Lab, path: &Value) -> Option<bool> {
    let port = path["port"].as_u64()?;
    let from_lan = path["from"] == "lan";
    let address = match (path["address"].as_str(), path["way"].as_str()?) {
        (_, "published" | "host-mode") if from_lan => HOST_V4.to_string(),
        // The neighbour of this lab has no route to containers.
        (_, _) if from_lan => return None,
        (address, _) => address?.to_owned(),
    };
    let to = format!("{address}:{port}");
    let attempts = match path["from"]["container"].as_str() {
        Some(name) => {
            let arguments = probe::arguments(Kind::Tcp, &to, 1);
            let mut args = vec!["exec", name, "cofferdam-probe"];
            args.extend(arguments.iter().map(String::as_str));
            let text = lab.engine.docker(&args).expect("an attempt");
            serde_json::from_str::<Attempts>(&text).expect("the probe's JSON")
        }
        None => {
            let place = if from_lan { &lab.lan } else { &lab.host };
            probe::attempt(place, Kind::Tcp, &to, 1).expect("an attempt")
        }
    };
    Some(!attempts.none_answered())
}
