//! What `cofferdam flows` tells: filters, sums, everything in one line, and names of what is gone.
#![allow(clippy::expect_used, reason = "functions of a test")]

use cofferdam_tests::probe::{self, Kind};
use cofferdam_tests::walkthrough::scene::eventually;
use nix::sys::signal::Signal;
use serde_json::Value;

mod stage;

use stage::Stage;

fn rows(stage: &Stage, filters: &[&str]) -> Vec<Value> {
    let answer = stage.lab.json(&[&["flows"], filters].concat()).expect("sums");
    answer["rows"].as_array().expect("rows").clone()
}

/// A server, a client whose labels are the same and one whose labels are not, and all that they did.
fn played() -> Stage {
    let stage = Stage::new();
    stage.serve("web", &["-l", "app=web", "--net=host"], "tcp", "127.0.0.1:7001");
    let lan = probe::serve(&stage.lab.lan, "lan", "tcp", "192.168.77.2:7002").expect("a server");
    assert!(
        stage
            .run_tries("app=web", Kind::Tcp, "127.0.0.1:7001", 2)
            .all_answered("web")
    );
    assert!(
        stage
            .run_tries("app=x", Kind::Tcp, "127.0.0.1:7001", 4)
            .all_refused()
    );
    assert!(
        stage
            .run_tries("app=x", Kind::Tcp, "192.168.77.2:7002", 3)
            .all_refused()
    );
    assert!(stage.host_tries(Kind::Tcp, "127.0.0.1:7001", 1).all_refused());
    drop(lan);
    eventually("everything is recorded", || {
        let sum = |filters: &[&str]| -> u64 {
            let flows = stage.flows(filters);
            flows.iter().filter_map(|flow| flow["repeats"].as_u64()).sum()
        };
        let ended = |flow: &Value| flow["totals"]["connections"].as_u64().unwrap_or(0);
        let ended: u64 = stage.flows(&["--allowed", "--to", "web"]).iter().map(ended).sum();
        Ok(sum(&["--allowed", "--to", "web"]) == 2 && sum(&["--denied"]) == 8 && ended == 2)
    })
    .expect("records");
    stage
}

/// Filters narrow together, sums are of what they leave, and a wide line has everything.
#[test]
fn root_flows_are_found_summed_and_told_in_full() {
    let stage = played();
    let ends = |filters: &[&str]| -> Vec<(String, String)> {
        let end = |end: &Value| {
            end["labels"]["app"]
                .as_str()
                .or(end["class"].as_str())
                .unwrap_or("-")
                .to_owned()
        };
        let flows = stage.flows(filters);
        flows
            .iter()
            .map(|flow| (end(&flow["from"]), end(&flow["to"])))
            .collect()
    };
    let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    for (filters, wanted) in [
        (&["--from", "app=x", "--to", "lan"][..], pair("x", "lan")),
        (&["--from", "host", "--denied"], pair("host", "web")),
        (&["--port", "7002", "--since", "10m"], pair("x", "lan")),
        (
            &["--to", "web", "--allowed", "--protocol", "tcp"],
            pair("web", "web"),
        ),
    ] {
        let mut found = ends(filters);
        found.dedup();
        assert_eq!(found, [wanted], "{filters:?}");
    }
    assert_eq!(ends(&["--from", "app=x", "--to", "world"]), []);
    assert_eq!(stage.flows(&["--limit", "1"]).len(), 1);

    let denials = rows(&stage, &["--top"]);
    let counts: Vec<_> = denials
        .iter()
        .map(|row| (&row["from"]["labels"]["app"], &row["denials"]))
        .collect();
    assert_eq!(
        format!("{counts:?}"),
        r#"[(String("x"), Number(4)), (String("x"), Number(3)), (Null, Number(1))]"#
    );
    assert!(
        denials[1]["allow_with"]
            .as_str()
            .is_some_and(|line| line.contains("192.168.77.2:7002/tcp"))
    );
    assert_eq!(rows(&stage, &["--top=flows", "--allowed"])[0]["flows"], 2);
    assert_eq!(
        rows(&stage, &["--top", "--from", "app=x", "--limit", "1"]).len(),
        1
    );

    let wide = stage
        .lab
        .cofferdam(&["flows", "-o", "wide", "--from", "app=x", "--to", "web"])
        .expect("wide");
    let wide = wide.ok().expect("wide");
    let identity = stage.scene_workload("web")["identity"].to_string();
    for word in [
        "WRITTEN IN",
        "app=x",
        "app=web",
        &identity,
        "host",
        "127.0.0.1:7001",
        "connect4",
        "default/",
    ] {
        assert!(wide.contains(word), "{word}: {wide}");
    }
    let carried = stage.flows(&["--allowed", "--to", "web"])[0]["totals"].clone();
    assert_eq!(carried["connections"], 2, "{carried}");
    assert!(
        carried["bytes_received"].as_u64() >= Some(2) && carried["packets_sent"].as_u64() >= Some(6),
        "{carried}"
    );
    assert!(
        (1..1_000_000).contains(&carried["rtt_us"].as_u64().unwrap_or(0)),
        "{carried}"
    );
    assert_eq!(rows(&stage, &["--top=bytes"])[0]["to"]["name"], "web");
    let top = stage
        .lab
        .cofferdam(&["flows", "--top"])
        .expect("top")
        .ok()
        .expect("top");
    assert!(top.starts_with("FROM") && top.contains("allow with: "), "{top}");
}

/// G-RECORDS: workloads that are gone, and a daemon that was killed, leave their records with all names.
#[test]
fn root_records_keep_names_over_a_restart() {
    let mut stage = played();
    stage.lab.engine.docker(&["rm", "-f", "web"]).expect("docker rm");
    let before = stage.flows(&["--limit", "0"]);
    stage.daemon.end(Signal::SIGTERM).expect("the daemon ends");
    stage.daemon = stage.lab.daemon(&[]).expect("a new daemon");
    let after = stage.flows(&["--limit", "0"]);
    assert_eq!(
        before,
        after[..before.len()],
        "a daemon that ends in good order loses nothing"
    );
    let web = stage.flows(&["--to", "app=web", "--allowed"]);
    assert_eq!(web[0]["to"]["name"], "web");
    assert_eq!(web[0]["to"]["network_mode"], "host");
    std::thread::sleep(std::time::Duration::from_millis(900));
    stage.daemon.end(Signal::SIGKILL).expect("the daemon ends");
    stage.daemon = stage.lab.daemon(&[]).expect("a new daemon");
    let after = stage.flows(&["--limit", "0"]);
    assert_eq!(
        before,
        after[..before.len()],
        "what is older than a second is kept"
    );
    let status = stage.lab.json(&["status"]).expect("status");
    assert!(
        status["records"]["kept"].as_u64() >= Some(before.len() as u64),
        "{status}"
    );
    assert_eq!(status["losses"]["unkept"], 0);
}

/// G-REMEDY: the lines below a denial, put where they say, allow it a moment later.
#[test]
fn root_what_a_denial_offers_allows_it() {
    let stage = Stage::new();
    let file = stage.lab.paths.policies.join("web.yaml");
    let policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: default}\n\
                  spec:\n  podSelector: {matchLabels: {app: web}}\n  ingress:\n  - {from: [{lan: {}}]}\n";
    std::fs::write(&file, policy).expect("a policy");
    stage.serve("web", &["-l", "app=web", "--net=host"], "tcp", "127.0.0.1:7001");
    let tries = || stage.run_tries("app=x", Kind::Tcp, "127.0.0.1:7001", 1);
    eventually("the policy denies", || {
        tries();
        let denied = stage.flows(&["--denied", "--from", "app=x"]);
        Ok(denied.iter().any(|flow| {
            flow["allow_with"]
                .as_str()
                .is_some_and(|line| line.contains("rule below"))
        }))
    })
    .expect("a denial");
    let denied = stage.flows(&["--denied", "--from", "app=x"]);
    let offered = denied
        .last()
        .and_then(|flow| flow["allow_with"].as_str())
        .expect("a line");
    let (label, rule) = offered.split_once("; ").expect("both ends have a say");
    let label = label.strip_prefix("label on app=x: ").expect("a label");
    let place = format!("rule below `ingress` of default/web ({}:1): ", file.display());
    let rule = rule.strip_prefix(&place).unwrap_or_else(|| panic!("{rule}"));
    std::fs::write(&file, format!("{policy}  {rule}\n")).expect("a policy");
    eventually("what was offered allows", || {
        let arguments = probe::arguments(Kind::Tcp, "127.0.0.1:7001", 1);
        let binary = cofferdam_tests::binaries::probe()?.display().to_string();
        let mut program = vec![binary.as_str()];
        program.extend(arguments.iter().map(String::as_str));
        let text = stage
            .lab
            .run(&["--label", "app=x", "--label", label], &program)?
            .ok()?;
        let seen: cofferdam_tests::probe::Attempts = serde_json::from_str(&text)?;
        Ok(seen.all_answered("web"))
    })
    .expect("an answer");
    assert!(tries().all_refused(), "and nobody else is let in");
}
