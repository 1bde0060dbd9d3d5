use std::net::SocketAddr;

use cofferdam_policy::{Action, Direction, Peer, Protocol, Reason, Verdict};

use super::{Format, Metrics};
use crate::enforcer::{EndPoint, FlowEvent, Hook};

fn flow(action: Action, from: u32, protocol: Protocol) -> FlowEvent {
    let end = |peer| EndPoint {
        peer: Peer(peer),
        workload: 0,
        cgroup: 0,
    };
    FlowEvent {
        time_ns: 0,
        verdict: Verdict {
            action,
            reason: Reason::Rule,
            direction: Some(Direction::Ingress),
            rule: 1,
            observed: false,
        },
        observed: false,
        hook: Hook::Connect,
        from: end(from),
        to: end(300),
        protocol,
        source: SocketAddr::from(([127, 0, 0, 1], 1)),
        destination: SocketAddr::from(([127, 0, 0, 1], 80)),
        inner_port: None,
        object: None,
        pid: 0,
        comm: String::new(),
    }
}

fn counted(metrics: &Metrics) -> Vec<String> {
    let mut out = String::new();
    prometheus_client::encoding::text::encode(&mut out, &metrics.book.registry).unwrap();
    let mut lines: Vec<_> = out.lines().map(str::to_owned).collect();
    let wanted = [
        "cofferdam_flows_total",
        "cofferdam_denials",
        "cofferdam_refusals_total",
    ];
    lines.retain(|line| wanted.iter().any(|name| line.starts_with(name)));
    lines.sort();
    lines
}

/// G-METRICS: the limit bounds the series, and nothing is left out of their sum.
#[test]
fn pairs_beyond_the_limit_are_counted_together() {
    let metrics = Metrics::new(2);
    for from in 256..266 {
        metrics.flow(&flow(Action::Deny, from, Protocol::TCP), 3, || {
            (format!("default/app={from}"), "default/app=web".to_owned())
        });
    }
    metrics.flow(&flow(Action::Deny, 256, Protocol::TCP), 1, || {
        unreachable!("known")
    });
    assert_eq!(
        counted(&metrics),
        [
            r#"cofferdam_denials_total{from="default/app=256",to="default/app=web",mode="enforce"} 4"#,
            r#"cofferdam_denials_total{from="default/app=257",to="default/app=web",mode="enforce"} 3"#,
            r#"cofferdam_denials_total{from="other",to="other",mode="enforce"} 24"#,
            r#"cofferdam_flows_total{verdict="deny",reason="rule",direction="ingress",mode="enforce",protocol="tcp"} 31"#,
        ]
    );
}

#[test]
fn every_protocol_without_a_name_is_one_series() {
    let metrics = Metrics::new(2);
    for protocol in [132, 47, 50] {
        metrics.flow(&flow(Action::Allow, 256, Protocol(protocol)), 1, || {
            unreachable!("allowed")
        });
    }
    assert_eq!(
        counted(&metrics),
        [
            r#"cofferdam_flows_total{verdict="allow",reason="rule",direction="ingress",mode="enforce",protocol="other"} 3"#
        ]
    );
}

#[test]
fn what_is_refused_besides_flows_is_counted() {
    let metrics = Metrics::new(2);
    let mut refused = flow(Action::Deny, 256, Protocol::TCP);
    refused.verdict.reason = Reason::PortTaken;
    refused.hook = Hook::Bind;
    metrics.taken(&refused, 2);
    let seen = flow(Action::Allow, 256, Protocol::TCP);
    metrics.taken(
        &FlowEvent {
            hook: Hook::Bind,
            ..seen
        },
        1,
    );
    let observed = FlowEvent {
        observed: true,
        hook: Hook::Sysctl,
        ..refused
    };
    metrics.taken(&observed, 1);
    assert_eq!(
        counted(&metrics),
        [
            r#"cofferdam_refusals_total{hook="bind",reason="port-taken",mode="enforce"} 2"#,
            r#"cofferdam_refusals_total{hook="sysctl",reason="port-taken",mode="observe"} 1"#,
        ]
    );
}

#[test]
fn an_accept_header_chooses_the_format() {
    let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                      text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    assert_eq!(Format::wanted(prometheus), Format::OpenMetrics);
    assert_eq!(Format::wanted("*/*"), Format::Plain);
}
