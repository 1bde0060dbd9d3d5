use super::*;

fn flow() -> FlowView {
    FlowView {
        time: "2026-03-01T10:00:00Z".parse().unwrap(),
        start: None,
        verdict: Verdict::Deny,
        reason: "rule".into(),
        rule: None,
        hook: "connect4".into(),
        mode: Mode::Enforce,
        from: FlowEnd::class(Class::Host),
        to: FlowEnd {
            name: Some("web".into()),
            namespace: Some("default".into()),
            labels: [("app".into(), "nginx".into()), ("tier".into(), "front".into())].into(),
            ..FlowEnd::class(Class::Workload)
        },
        direction: Some(Direction::Ingress),
        protocol: "tcp".into(),
        source: None,
        destination: "127.0.0.1:80".parse().unwrap(),
        inner_port: None,
        dns: None,
        object: None,
        pid: Some(1),
        comm: Some("curl".into()),
        repeats: 1,
        allow_with: None,
        totals: None,
    }
}

#[test]
fn a_selector_is_labels_or_a_name_or_a_class() {
    let end = flow().to;
    for yes in [
        "web",
        "workload",
        "app=nginx",
        "app=nginx,tier=front",
        " tier=front , app=nginx ",
    ] {
        assert!(end.matches(yes), "{yes}");
    }
    for no in ["host", "nginx", "app=other", "app=nginx,tier=back", "app=", ""] {
        assert!(!end.matches(no), "{no}");
    }
}

#[test]
fn filters_narrow_together() {
    let all = FlowQuery::default();
    assert!(all.matches(&flow()));
    let query = |change: fn(&mut FlowQuery)| {
        let mut query = FlowQuery::default();
        change(&mut query);
        query.matches(&flow())
    };
    assert!(query(|q| q.denied = true));
    assert!(!query(|q| q.allowed = true));
    assert!(query(|q| (q.denied, q.allowed) = (true, true)));
    assert!(query(|q| q.from = Some("host".into())));
    assert!(!query(|q| q.to = Some("host".into())));
    assert!(query(|q| q.port = Some(80)));
    assert!(!query(|q| q.port = Some(81)));
    assert!(query(|q| q.protocol = Some("TCP".into())));
    assert!(query(|q| q.since = Some("2026-03-01T10:00:00Z".parse().unwrap())));
    assert!(!query(|q| q.since = Some("2026-03-01T10:00:01Z".parse().unwrap())));
}

#[test]
fn a_query_survives_its_url() {
    let query = FlowQuery {
        from: Some("app=a&b,tier=x y".into()),
        denied: true,
        since: Some("2026-03-01T10:00:00.5Z".parse().unwrap()),
        port: Some(443),
        follow: true,
        updates: true,
        limit: Some(7),
        ..FlowQuery::default()
    };
    let text = serde_urlencoded::to_string(&query).unwrap();
    assert_eq!(serde_urlencoded::from_str::<FlowQuery>(&text).unwrap(), query);
    assert_eq!(serde_urlencoded::to_string(FlowQuery::default()).unwrap(), "");
}

#[test]
fn a_newer_daemon_may_say_more() {
    let mut value = serde_json::to_value(flow()).unwrap();
    value["bytes"] = 12.into();
    assert_eq!(serde_json::from_value::<FlowView>(value).unwrap(), flow());
}

/// A record of what a workload takes.
fn taken(hook: &str, reason: &str, destination: &str, object: Option<&str>) -> FlowView {
    FlowView {
        hook: hook.into(),
        reason: reason.into(),
        from: flow().to,
        to: FlowEnd::class(Class::Host),
        destination: destination.parse().unwrap(),
        object: object.map(str::to_owned),
        ..flow()
    }
}

#[test]
fn a_port_is_named_as_its_workload_knows_it() {
    let bound = |destination: &str, inner_port, protocol: &str| {
        let flow = FlowView {
            inner_port,
            protocol: protocol.into(),
            ..taken("bind4", "not-judged", destination, None)
        };
        flow.act().unwrap()
    };
    assert_eq!(bound("0.0.0.0:80", None, "tcp"), "binds 0.0.0.0:80");
    assert_eq!(
        bound("0.0.0.0:8080", Some(80), "tcp"),
        "binds 0.0.0.0:80 (really 8080)"
    );
    assert_eq!(
        bound("127.64.0.3:53", None, "udp"),
        "binds 127.0.0.1:53/udp (private)"
    );
    assert_eq!(
        bound("[fd63:6f66:6665:7264:616d::3]:53", None, "tcp"),
        "binds [::1]:53 (private)"
    );
}

#[test]
fn a_refusal_is_said_in_plain_words() {
    for (hook, reason, destination, object, wanted) in [
        (
            "bind4",
            "port-taken",
            "0.0.0.0:80",
            None,
            "port 80/tcp is held by somebody else on this host",
        ),
        (
            "bind4",
            "undeclared",
            "0.0.0.0:80",
            None,
            "it does not declare port 80/tcp",
        ),
        (
            "bind4",
            "undeclared",
            "127.64.0.3:80",
            None,
            "that address is another workload's own loopback",
        ),
        (
            "socket",
            "undeclared",
            "0.0.0.0:0",
            Some("packet"),
            "it is strict, and does not declare packet sockets",
        ),
        (
            "connect_unix",
            "undeclared",
            "0.0.0.0:0",
            Some("@x"),
            "@x is somebody else's, and not declared",
        ),
        (
            "egress",
            "undeclared",
            "192.0.2.1:80",
            None,
            "it does not declare that interface",
        ),
    ] {
        let flow = taken(hook, reason, destination, object);
        assert_eq!(flow.refusal().as_deref(), Some(wanted), "{hook}");
        let allowed = FlowView {
            verdict: Verdict::Allow,
            ..flow
        };
        assert_eq!(allowed.refusal(), None);
    }
    assert_eq!(flow().refusal(), None, "a rule did that");
    let held = FlowView {
        to: flow().to,
        inner_port: Some(80),
        ..taken("bind4", "port-taken", "0.0.0.0:8080", None)
    };
    assert_eq!(
        held.refusal().as_deref(),
        Some("port 8080/tcp, which its 80 really is, is held by web")
    );
}
