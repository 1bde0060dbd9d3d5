use super::*;
use crate::decide;

const FILE: &str = r"default: same-labels
namespaces:
  shop: {env: prod}
workloads:
  - {name: web, namespace: shop, labels: {app: web}, address: 172.18.0.2}
  - {name: db, namespace: shop, labels: {app: db}, ports: {sql: 5432}}
  - {name: plain, namespace: shop, labels: {icon: x}}
  - compose.yaml
policies:
  - other.yaml
  - inline: |
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {name: db, namespace: shop}
      spec:
        podSelector: {matchLabels: {app: db}}
        ingress:
          - from: [{podSelector: {matchLabels: {app: web}}}]
            ports: [{port: sql}]
tests:
  - {from: plain, to: db, port: 5432, expect: deny, rule: shop/db/not-allowed}
  - {from: world, to: app=db, port: icmp:8, expect: deny}
";

#[test]
fn a_test_file_becomes_a_stage() {
    let trial = parse("t.yaml", FILE.as_bytes()).unwrap();
    assert_eq!(
        (trial.paths.len(), trial.inline.len(), trial.tests.len()),
        (1, 1, 2)
    );
    assert_eq!(trial.worlds, ["compose.yaml"]);
    let stage = Stage::new(&trial.workloads, trial.inline, trial.profile);
    assert!(matches!(stage.find("plain").unwrap().end, End::Address(_)));
    for test in trial.tests {
        let attempt = stage
            .attempt(&test.from, &test.to, (test.protocol, test.port))
            .unwrap();
        assert_eq!(decide(&stage.world, &attempt).action, test.expect);
    }
    assert!(stage.find("app=nothing").is_none());
    assert!(stage.find("nobody").is_none());
}

#[test]
fn mistakes_have_their_place() {
    for (from, to, line) in [
        ("expect: deny}", "expect: refuse}", 22),
        ("port: 5432,", "port: sql,", 21),
        ("matchLabels: {app: db}", "matchLabel: {app: db}", 16),
        ("{name: plain, ", "{nam: plain, ", 7),
        ("same-labels", "some-labels", 1),
    ] {
        assert!(FILE.contains(from), "{from}");
        let found = parse("t.yaml", FILE.replace(from, to).as_bytes()).unwrap_err();
        assert!(found.iter().any(|one| one.line == line), "{found:?}");
    }
}

#[test]
fn ports_are_written_as_people_write_them() {
    assert_eq!(port("443"), Some((Protocol::TCP, 443)));
    assert_eq!(port("53/udp"), Some((Protocol::UDP, 53)));
    assert_eq!(port("icmp"), Some((Protocol::ICMP, 0)));
    assert_eq!(port("icmpv6:128"), Some((Protocol::ICMP6, 128)));
    for wrong in ["", "x", "1/x", "icmp:256", "70000"] {
        assert_eq!(port(wrong), None, "{wrong}");
    }
}
