//! What is written is read, filters are those of the wire, and no bytes make it panic.

use super::*;

fn flow(port: u16) -> FlowView {
    let labels = [
        ("app".to_owned(), "web".to_owned()),
        ("tier".to_owned(), port.to_string()),
    ];
    FlowView {
        time: Timestamp::from_nanosecond(1_700_000_000_123_456_789 + i128::from(port)).unwrap(),
        start: port
            .is_multiple_of(2)
            .then(|| Timestamp::from_second(1_699_999_999).unwrap()),
        verdict: if port.is_multiple_of(3) {
            Verdict::Deny
        } else {
            Verdict::Allow
        },
        reason: "rule".into(),
        rule: port.is_multiple_of(5).then(|| RuleView {
            name: "default/ingress".into(),
            source: "a.yaml:3".into(),
        }),
        hook: "connect4".into(),
        mode: Mode::Observe,
        from: FlowEnd {
            name: Some("web".into()),
            namespace: Some("shop".into()),
            labels: labels.into(),
            identity: Some(256 + u32::from(port)),
            network_mode: Some("host".into()),
            ..FlowEnd::class(Class::Workload)
        },
        to: FlowEnd::class(Class::ALL[usize::from(port) % Class::ALL.len()].1),
        direction: port.is_multiple_of(2).then_some(Direction::Egress),
        protocol: "udp".into(),
        source: port.is_multiple_of(7).then(|| "[fd00::1]:9".parse().unwrap()),
        destination: ([10, 0, 0, 1], port).into(),
        inner_port: None,
        dns: None,
        object: None,
        pid: port.is_multiple_of(2).then_some(7),
        comm: port.is_multiple_of(2).then(|| "curl".into()),
        repeats: u64::from(port) + 1,
        allow_with: Some(format!("label on app=web: cofferdam.egress=lan:{port}")),
        totals: port.is_multiple_of(4).then(|| Totals {
            connections: 3,
            bytes_sent: u64::from(port),
            bytes_received: 7,
            packets_sent: 8,
            packets_received: 9,
            retransmits: 1,
            rtt_us: 120,
            end: Timestamp::from_second(1_700_000_100).unwrap(),
            duration_ms: 100_000,
        }),
    }
}

fn some() -> Vec<Numbered> {
    (0..100)
        .map(|port| (40 + 2 * u64::from(port), flow(port)))
        .collect()
}

#[test]
fn what_is_written_is_read() {
    let records = some();
    let bytes = encode(&records).unwrap();
    assert_eq!(decode(&bytes, 40, &FlowQuery::default()), Some(records));
    let header = Header::read(&bytes).unwrap();
    assert_eq!(header.count, 100);
    assert_eq!(
        (header.oldest, header.newest - header.oldest),
        (1_700_000_000_123_456_789, 99)
    );
    assert!(bytes.len() < 100 * 110, "{} bytes", bytes.len());
}

#[test]
fn filters_are_those_of_the_wire() {
    let records = some();
    let bytes = encode(&records).unwrap();
    let text = |text: &str| Some(text.to_owned());
    let queries = [
        FlowQuery {
            from: text("app=web,tier=9"),
            ..FlowQuery::default()
        },
        FlowQuery {
            from: text("lan"),
            ..FlowQuery::default()
        },
        FlowQuery {
            to: text("lan"),
            denied: true,
            ..FlowQuery::default()
        },
        FlowQuery {
            to: text("workload"),
            allowed: true,
            ..FlowQuery::default()
        },
        FlowQuery {
            port: Some(21),
            ..FlowQuery::default()
        },
        FlowQuery {
            protocol: text("tcp"),
            ..FlowQuery::default()
        },
        FlowQuery {
            since: Some(records[50].1.time),
            ..FlowQuery::default()
        },
    ];
    for query in queries {
        let wanted: Vec<_> = records
            .iter()
            .filter(|(_, flow)| query.matches(flow))
            .cloned()
            .collect();
        assert_eq!(decode(&bytes, 40, &query), Some(wanted), "{query:?}");
    }
}

#[test]
fn broken_bytes_are_left_out() {
    let bytes = encode(&some()[..8]).unwrap();
    for length in 0..bytes.len() {
        assert_eq!(
            decode(&bytes[..length], 0, &FlowQuery::default()),
            None,
            "{length}"
        );
    }
    for index in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[index] ^= 1 << bit;
            let _ = decode(&bytes, u64::MAX, &FlowQuery::default());
        }
    }
    let mut newer = bytes;
    newer[0] = VERSION + 1;
    assert_eq!(decode(&newer, 0, &FlowQuery::default()), None);
}
