use super::*;

const SMALL: &str = r#"
title = "small"
[workloads.web]
labels = { app = "web" }
publish = ["127.0.0.1:8080:80", "[::1]:53:53/udp"]
[workloads.twin]
labels = { app = "web" }
publish = ["127.0.0.1:8080:80", "[::1]:53:53/udp"]
[workloads.plain]
labels = { "traefik.enable" = "true" }
address = "172.17.0.2"
[[attempts]]
from = "host"
to = "web"
port = 80
verdict = "allow"
end = "ingress"
rule = "default/opened"
source = "-p 127.0.0.1:8080:80"
"#;

#[test]
fn alike_workloads_are_one_subject_and_plain_ones_none() {
    let scenario = Scenario::parse(SMALL).unwrap();
    assert_eq!(
        (scenario.world.identities.len(), scenario.world.subjects.len()),
        (1, 1)
    );
    assert_eq!(scenario.workloads["web"].end, scenario.workloads["twin"].end);
    assert_eq!(
        scenario.workloads["plain"].end,
        End::Address("172.17.0.2".parse().unwrap())
    );
}

#[test]
fn a_case_checks_verdict_end_rule_and_source() {
    let scenario = Scenario::parse(SMALL).unwrap();
    let case = &scenario.cases[0];
    let rules = crate::compile(&scenario.world).unwrap().rules;
    let verdict = crate::decide(&scenario.world, &case.attempt);
    assert_eq!(case.check(&verdict, &rules), Ok(()));
    for wrong in [
        Verdict {
            action: Action::Deny,
            ..verdict
        },
        Verdict {
            reason: Reason::Off,
            ..verdict
        },
        Verdict {
            direction: Some(Direction::Egress),
            ..verdict
        },
        Verdict { rule: 1, ..verdict },
        Verdict { rule: 0, ..verdict },
    ] {
        let line = case.check(&wrong, &rules).unwrap_err();
        assert!(line.starts_with("host -> web 80/tcp: expected"), "{line}");
    }
}

#[test]
fn defects_are_named() {
    for (from, to, expected) in [
        (
            "from = \"host\"",
            "from = \"nobody\"",
            "attempt 1: nobody is called \"nobody\"",
        ),
        (
            "port = 80\n",
            "port = 80\nprotocol = \"tpc\"\n",
            "attempt 1: \"tpc\" is not tcp",
        ),
        (
            "127.0.0.1:8080:80",
            "8080",
            "workload twin: \"8080\" is not [IP:]PORT:PORT",
        ),
        (
            "\"traefik.enable\" = \"true\"",
            "\"cofferdam.mode\" = \"x\"",
            "workload plain: label cofferdam.mode",
        ),
        ("verdict", "verdikt", "the scenario does not parse"),
    ] {
        assert!(SMALL.contains(from), "{from}");
        let error = Scenario::parse(&SMALL.replace(from, to)).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}
