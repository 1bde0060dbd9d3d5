use super::*;
use crate::Labels;

fn one(text: &str) -> Document {
    parse("a.yaml", text.as_bytes())
        .unwrap()
        .remove(0)
        .as_ref()
        .clone()
}

fn policy(spec: &str) -> Document {
    one(&format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: web, namespace: shop}}\nspec: {spec}\n"
    ))
}

fn directions(document: &Document) -> (Option<usize>, Option<usize>) {
    let count = |rules: &Option<Vec<Rule>>| rules.as_ref().map(Vec::len);
    (count(&document.ingress), count(&document.egress))
}

/// As the API server fills them in: Ingress always, Egress where there are rules for it.
#[test]
fn policy_types_have_kubernetes_defaults() {
    for (spec, expected) in [
        ("{podSelector: {}}", (Some(0), None)),
        ("{podSelector: {}, egress: []}", (Some(0), None)),
        ("{podSelector: {}, egress: [{}]}", (Some(0), Some(1))),
        ("{podSelector: {}, policyTypes: [Egress]}", (None, Some(0))),
        (
            "{podSelector: {}, ingress: [{}], policyTypes: [Egress]}",
            (None, Some(0)),
        ),
        (
            "{podSelector: , policyTypes: [Ingress, Egress], ingress: [{}]}",
            (Some(1), Some(0)),
        ),
    ] {
        assert_eq!(directions(&policy(spec)), expected, "{spec}");
    }
}

/// behaviours 22 and 23: what the cyclonus suite does not catch.
#[test]
fn absent_keys_are_not_in_and_do_not_exist() {
    let expression = |text: &str| {
        let spec = format!("{{podSelector: {{matchExpressions: [{text}]}}}}");
        policy(&spec).subject.pods
    };
    let labels = |pairs: &[(&str, &str)]| -> Labels {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    };
    let both = "{key: app, operator: In, values: [web, db]}, {key: env, operator: In, values: [prod]}";
    assert!(!expression(both).matches(&labels(&[("app", "web")])));
    assert!(expression(both).matches(&labels(&[("app", "db"), ("env", "prod")])));
    let not_in = "{key: env, operator: NotIn, values: [demo, qa]}";
    for (pairs, expected) in [
        (&[][..], true),
        (&[("env", "demo")], false),
        (&[("env", "prod")], true),
    ] {
        assert_eq!(expression(not_in).matches(&labels(pairs)), expected, "{pairs:?}");
    }
    let neither = "{key: a, operator: DoesNotExist}, {key: b, operator: DoesNotExist}";
    for (pairs, expected) in [
        (&[][..], true),
        (&[("a", "1")], false),
        (&[("b", "1")], false),
        (&[("c", "1")], true),
    ] {
        assert_eq!(expression(neither).matches(&labels(pairs)), expected, "{pairs:?}");
    }
    assert!(!expression("{key: a, operator: Exists}").matches(&labels(&[])));
}

#[test]
fn several_documents_lists_and_json_are_read() {
    let item = r#"{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "x"}, "spec": {}}"#;
    assert_eq!(parse("a.json", item.as_bytes()).unwrap().len(), 1);
    let list = format!(r#"{{"apiVersion": "v1", "kind": "List", "items": [{item}, {item}]}}"#);
    assert_eq!(parse("a.json", list.as_bytes()).unwrap().len(), 2);
    let two = format!("---\n{item}\n---\n# nothing\n---\n{item}\n");
    let documents = parse("a.yaml", two.as_bytes()).unwrap();
    assert_eq!(documents[1].place, "a.yaml:6");
    assert_eq!(documents[1].full_name(), "default/x");
    assert_eq!(parse("a.yaml", b"# nothing at all\n"), Ok(Vec::new()));
}

#[test]
fn additions_are_read() {
    let document = policy("{podSelector: {}, observe: true, keep: true, until: 2026-03-01T10:00:00+01:00}");
    assert!(document.observe && document.keep);
    assert_eq!(document.until, Some(1_772_355_600));
    assert!(document.has_ended(1_772_355_600) && !document.has_ended(1_772_355_599));
    let document =
        policy("{podSelector: {}, ingress: [{from: [{lan: {}}], ports: [{protocol: ICMP, type: 8}]}]}");
    let rule = &document.ingress.unwrap()[0];
    assert_eq!(rule.peers, [RulePeer::Class(PeerClass::Lan)]);
    let echo = PortRange {
        protocol: Protocol::ICMP,
        first: 8,
        last: 8,
    };
    assert_eq!(rule.ports, [RulePort::Range(echo)]);
}

#[test]
fn times_are_those_of_the_calendar() {
    for (text, expected) in [
        ("1970-01-01", Some(0)),
        ("2000-02-29T00:00:00Z", Some(951_782_400)),
        ("2026-03-01T10:00:00.5Z", Some(1_772_359_200)),
        ("2100-03-01", Some(4_107_542_400)),
        ("2026-02-29", None),
        ("2026-13-01", None),
        ("1969-12-31", None),
        ("2026-03-01T24:00:00Z", None),
        ("2026-03-01T10:00", None),
        ("now", None),
    ] {
        assert_eq!(time::parse(text), expected, "{text}");
    }
}
