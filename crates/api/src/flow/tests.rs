use super::*;

fn flow() -> FlowView {
    FlowView {
        time: "2026-03-01T10:00:00Z".parse().unwrap(),
        verdict: Verdict::Deny,
        reason: "rule".into(),
        rule: None,
        hook: "connect4".into(),
        mode: Mode::Enforce,
        from: FlowEnd::class(Class::Host),
        to: FlowEnd {
            class: Class::Workload,
            name: Some("web".into()),
            namespace: Some("default".into()),
            labels: [("app".into(), "nginx".into()), ("tier".into(), "front".into())].into(),
        },
        direction: Some(Direction::Ingress),
        protocol: "tcp".into(),
        source: None,
        destination: "127.0.0.1:80".parse().unwrap(),
        pid: Some(1),
        comm: Some("curl".into()),
        repeats: 1,
        allow_with: None,
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

/// What comes of a text, whole and byte by byte.
fn records(text: &str) -> Result<Vec<FlowView>, String> {
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let (mut records, mut flows) = (FlowRecords::default(), Vec::new());
        for piece in pieces {
            records
                .read(piece, |flow| flows.push(flow))
                .map_err(|error| error.to_string())?;
        }
        records.end().map_err(|error| error.to_string())?;
        Ok(flows)
    };
    let whole = read(&mut [text.as_bytes()].into_iter());
    assert_eq!(read(&mut text.as_bytes().chunks(1)), whole);
    whole
}

#[test]
fn records_are_read_out_of_an_answer_and_out_of_lines() {
    let mut odd = flow();
    odd.comm = Some("a\"}{\\ \"flows\"".into());
    let flows = vec![flow(), odd];
    let answer = Flows::new(flows.clone());
    for text in [
        serde_json::to_string(&answer).unwrap(),
        serde_json::to_string_pretty(&answer).unwrap(),
        format!(
            "{}\n\n{}\n",
            serde_json::to_string(&flows[0]).unwrap(),
            serde_json::to_string(&flows[1]).unwrap()
        ),
        format!(
            " {}",
            serde_json::to_string(&flows[0]).unwrap() + &serde_json::to_string_pretty(&flows[1]).unwrap()
        ),
    ] {
        assert_eq!(records(&text).as_ref(), Ok(&flows), "{text}");
    }
    assert_eq!(records(""), Ok(Vec::new()));
    assert_eq!(
        records(&serde_json::to_string(&Flows::new(Vec::new())).unwrap()),
        Ok(Vec::new())
    );
}

#[test]
fn what_is_no_record_is_told_with_its_line() {
    let one = serde_json::to_string(&flow()).unwrap();
    let told = |text: &str| records(text).unwrap_err();
    assert_eq!(told("\nroot:x:0\n"), "line 2: expected an object");
    assert_eq!(told("[]"), "line 1: expected an object");
    assert!(told("{}").starts_with("line 1: missing field"), "{}", told("{}"));
    assert!(told(&format!("{one}\n{{\"a\":{{}}}}\n")).starts_with("line 2: missing field"));
    assert_eq!(
        told(&one[..one.len() - 1]),
        "line 1: the text ends within a record"
    );
    assert_eq!(
        told(r#"{"version":1,"flows":["#),
        "line 1: the text ends within a record"
    );
    let long = format!("{{\"a\":\"{}", "x".repeat(2 << 20));
    assert_eq!(told(&long), "line 1: a record is too long");
}
