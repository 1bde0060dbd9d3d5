use std::collections::BTreeMap;

use cofferdam_api::{Class, Mode};

use super::*;

fn flow(from: u32, port: u16) -> FlowView {
    let end = |number| FlowEnd {
        identity: Some(number),
        labels: BTreeMap::new(),
        ..FlowEnd::class(Class::Workload)
    };
    FlowView {
        time: Timestamp::UNIX_EPOCH,
        start: None,
        verdict: Verdict::Deny,
        reason: "rule".to_owned(),
        rule: None,
        hook: "connect4".to_owned(),
        mode: Mode::Enforce,
        from: end(from),
        to: end(300),
        direction: None,
        protocol: "tcp".to_owned(),
        source: None,
        destination: ([127, 0, 0, 1], port).into(),
        inner_port: None,
        dns: None,
        object: None,
        pid: None,
        comm: None,
        repeats: 1,
        allow_with: Some("label".to_owned()),
        totals: None,
    }
}

fn texts(alerts: &mut Alerts, now: Instant) -> Vec<String> {
    alerts.take(now).into_iter().map(|alert| alert.text).collect()
}

#[test]
fn a_kind_of_denial_is_news_once() {
    let now = Instant::now();
    let mut alerts = Alerts::new("here".to_owned(), now);
    for port in [80, 80, 443, 80] {
        alerts.flow(&flow(256, port), || format!("denied {port}"));
    }
    let allowed = FlowView {
        verdict: Verdict::Allow,
        ..flow(256, 1)
    };
    alerts.flow(&allowed, || unreachable!("allowed"));
    assert_eq!(
        texts(&mut alerts, now),
        [
            "Cofferdam on here: denied 80; allow with: label",
            "Cofferdam on here: denied 443; allow with: label"
        ]
    );
    assert_eq!(texts(&mut alerts, now), [""; 0]);
}

#[test]
fn a_scan_is_told_as_a_number() {
    let now = Instant::now();
    let mut alerts = Alerts::new("here".to_owned(), now);
    for port in 1..=1000 {
        alerts.flow(&flow(256, port), String::new);
    }
    assert_eq!(texts(&mut alerts, now).len(), 30);
    let later = texts(&mut alerts, now + MINUTE);
    assert_eq!(
        later,
        ["Cofferdam on here: 970 more kinds of flows were denied for the first time within a minute"]
    );
    for port in 1..=u16::MAX {
        alerts.flow(&flow(257, port), String::new);
    }
    assert_eq!((alerts.seen.len(), alerts.order.len()), (KINDS, KINDS), "bounded");
}

#[test]
fn a_risk_is_told_when_it_comes() {
    let now = Instant::now();
    let mut alerts = Alerts::new("here".to_owned(), now);
    let health = |map_full, missing: &[&'static str]| Health {
        map_full,
        missing: missing.iter().map(|one| one.to_string()).collect(),
        ..Health::default()
    };
    alerts.health(health(7, &[]), now);
    assert_eq!(alerts.take(now), [], "what was before the daemon is no news");
    alerts.health(health(9, &["connect4"]), now);
    alerts.health(health(12, &["connect4"]), now);
    let told: Vec<_> = alerts
        .take(now)
        .into_iter()
        .map(|alert| (alert.risk, alert.text))
        .collect();
    assert_eq!(told.len(), 2);
    assert_eq!((told[0].0, told[1].0), (Some("hook"), Some("map-full")));
    assert!(told[1].1.contains("at risk: 2 entries"), "{}", told[1].1);
    alerts.health(health(13, &[]), now + QUIET);
    assert_eq!(texts(&mut alerts, now).len(), 1, "again after a while");
    let off = Health {
        off: true,
        ..health(13, &[])
    };
    alerts.health(off.clone(), now);
    alerts.health(off.clone(), now);
    assert_eq!(alerts.take(now).len(), 1);
    let unwritten = Health {
        unwritten: true,
        ..off
    };
    alerts.health(unwritten.clone(), now);
    alerts.health(unwritten, now);
    assert_eq!(
        texts(&mut alerts, now),
        [
            "Cofferdam on here: enforcement is at risk: flow records cannot be written; `cofferdam status` says why"
        ]
    );
}
