use cofferdam_api::{Direction, RuleView, Top, TopRow, Totals};

use super::*;

fn now() -> Zoned {
    "2026-03-01T12:00:00Z"
        .parse::<jiff::Timestamp>()
        .unwrap()
        .to_zoned(jiff::tz::TimeZone::UTC)
}

fn workload(name: &str) -> FlowEnd {
    FlowEnd {
        class: Class::Workload,
        name: Some(name.into()),
        namespace: Some("default".into()),
        labels: [("app".to_owned(), name.to_owned())].into(),
        identity: Some(257),
        network_mode: Some("host".into()),
    }
}

fn denied() -> FlowView {
    FlowView {
        time: "2026-03-01T10:02:31Z".parse().unwrap(),
        start: None,
        verdict: Verdict::Deny,
        reason: "rule".into(),
        rule: Some(RuleView {
            name: "default/ingress".into(),
            source: "built-in".into(),
        }),
        hook: "connect4".into(),
        mode: Mode::Enforce,
        from: FlowEnd::class(Class::Host),
        to: workload("nginx"),
        direction: Some(Direction::Ingress),
        protocol: "tcp".into(),
        source: None,
        destination: "127.0.0.1:80".parse().unwrap(),
        inner_port: None,
        dns: None,
        object: None,
        pid: Some(4711),
        comm: Some("curl".into()),
        repeats: 1,
        allow_with: Some("label on nginx: cofferdam.ingress=host:80".into()),
        totals: None,
    }
}

fn all() -> Vec<FlowView> {
    let allowed = FlowView {
        verdict: Verdict::Allow,
        reason: "same-workload".into(),
        totals: Some(Totals {
            connections: 12,
            bytes_sent: 900,
            bytes_received: 5_600_000,
            packets_sent: 70,
            packets_received: 80,
            retransmits: 3,
            rtt_us: 1_234,
            end: denied().time,
            duration_ms: 61_005,
        }),
        rule: None,
        from: workload("curl"),
        comm: Some("curl".into()),
        repeats: 12,
        allow_with: None,
        ..denied()
    };
    let observed = FlowView {
        time: "2026-02-28T23:00:00Z".parse().unwrap(),
        mode: Mode::Observe,
        from: workload("home-assistant"),
        to: FlowEnd::class(Class::Lan),
        destination: "[fd00::1]:1900".parse().unwrap(),
        protocol: "udp".into(),
        comm: Some("python3".into()),
        rule: Some(RuleView {
            name: "label/egress".into(),
            source: "label cofferdam.egress=lan:53".into(),
        }),
        allow_with: Some("label on home-assistant: cofferdam.egress=lan:53,lan:1900/udp".into()),
        ..denied()
    };
    let from_afar = FlowView {
        from: FlowEnd::class(Class::World),
        source: Some("203.0.113.7:40000".parse().unwrap()),
        comm: None,
        pid: None,
        protocol: "icmp".into(),
        destination: "192.0.2.1:0".parse().unwrap(),
        to: FlowEnd::class(Class::Host),
        reason: "pending".into(),
        rule: None,
        allow_with: None,
        ..denied()
    };
    let stranger = FlowEnd {
        class: Class::Host,
        ..workload("plain")
    };
    let taken = FlowView {
        hook: "bind4".into(),
        reason: "port-taken".into(),
        rule: None,
        from: workload("second"),
        to: workload("first"),
        comm: Some("nginx".into()),
        destination: "0.0.0.0:80".parse().unwrap(),
        allow_with: Some("label on app=second: cofferdam.bind=80/tcp=8080".into()),
        ..denied()
    };
    let refused = FlowView {
        hook: "connect_unix".into(),
        reason: "undeclared".into(),
        rule: None,
        from: workload("kiosk"),
        to: FlowEnd::class(Class::Host),
        comm: Some("chromium".into()),
        protocol: "unix".into(),
        object: Some("@/tmp/.X11-unix/X0".into()),
        destination: "0.0.0.0:0".parse().unwrap(),
        allow_with: Some("label on app=kiosk: cofferdam.allow=abstract:@/tmp/.X11-unix/X0".into()),
        ..denied()
    };
    let named = FlowView {
        from: stranger.clone(),
        comm: None,
        to: stranger,
        ..denied()
    };
    vec![denied(), allowed, observed, from_afar, named, taken, refused]
}

#[test]
fn a_line_says_who_whom_and_why() {
    let text = text(&Flows::new(all()), &now());
    let text = anstream::adapter::strip_str(&text).to_string();
    assert_eq!(text, include_str!("lines.txt"), "\n{text}");
    let long = text.lines().filter(|line| line.chars().count() > 80);
    assert!(
        long.into_iter().all(|line| line.contains("allow with:")),
        "{text}"
    );
}

#[test]
fn nothing_is_said_in_words() {
    assert_eq!(text(&Flows::new(vec![]), &now()), "no flows\n");
}

#[test]
fn a_followed_flow_is_one_line_of_json() {
    let line = compact(&denied()).unwrap();
    assert_eq!(line.matches('\n').count(), 1);
    assert_eq!(serde_json::from_str::<FlowView>(&line).unwrap(), denied());
}

#[test]
fn the_past_is_bounded_unless_a_time_or_a_limit_is_given() {
    let limit = |follow, since: Option<&str>, limit| {
        let args = FlowsArgs {
            follow,
            from: None,
            to: None,
            denied: false,
            allowed: false,
            since: since.map(str::to_owned),
            port: None,
            protocol: None,
            top: None,
            output: None,
            limit,
        };
        query(&args, &now()).unwrap().limit
    };
    assert_eq!(limit(false, None, None), Some(100));
    assert_eq!(limit(true, None, None), Some(10));
    assert_eq!(limit(true, Some("5m"), None), None);
    assert_eq!(limit(false, Some("5m"), Some(3)), Some(3));
    assert_eq!(limit(false, None, Some(0)), None);
}

#[test]
fn a_flow_that_was_ended_says_so() {
    let ended = FlowView {
        hook: HOOK_END.into(),
        ..denied()
    };
    let text = anstream::adapter::strip_str(&lines(&ended, &when::now())).to_string();
    assert!(
        text.contains(" ended ") && text.contains("default/ingress"),
        "{text}"
    );
}

#[test]
fn wide_says_everything_in_one_line() {
    let flows = Flows::new(all());
    let text = anstream::adapter::strip_str(&wide::text(&flows, &now())).to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1 + flows.flows.len(), "{text}");
    for word in [
        "home-assistant",
        "app=home-assistant",
        "257",
        "host",
        "[fd00::1]:1900",
        "udp",
        "label cofferdam.egress=lan:53",
        "label on home-assistant: cofferdam.egress=lan:53,lan:1900/udp",
    ] {
        assert!(lines[3].contains(word), "{word}: {text}");
    }
    for word in ["12", "61.005 s", "900 B", "5.3 MiB", "70/80", "3", "1.234 ms"] {
        assert!(lines[2].contains(word), "{word}: {text}");
    }
    let followed = wide::line(&flows.flows[2], &now());
    assert_eq!(
        followed.matches('\t').count(),
        wide::header().matches('\t').count()
    );
}

#[test]
fn sums_are_a_table_and_the_lines_that_would_allow() {
    let row = |name: &str, port, denials| TopRow {
        from: workload(name),
        to: FlowEnd::class(Class::Lan),
        address: Some([10, 0, 0, 7].into()),
        protocol: "udp".into(),
        port,
        flows: 12,
        denials,
        bytes: denials * 1_500_000,
        first: denied().time,
        last: denied().time,
        allow_with: (denials > 0).then(|| "label on app=web: cofferdam.egress=lan:53/udp".to_owned()),
    };
    let top = Top::new(vec![row("web", 53, 12), row("db", 53, 3), row("db", 0, 0)]);
    let text = anstream::adapter::strip_str(&top::text(&top, false, &now())).to_string();
    assert_eq!(text, include_str!("top.txt"), "\n{text}");
    assert_eq!(top::text(&Top::new(vec![]), false, &now()), "no flows\n");
}
