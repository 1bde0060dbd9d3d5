//! Sums are of repeats, sorted by what was asked for, and bounded.

use cofferdam_api::{Mode, Timestamp};

use super::*;

fn flow(from: &str, port: u16, verdict: Verdict, second: i64) -> FlowView {
    FlowView {
        time: Timestamp::from_second(second).unwrap(),
        start: None,
        verdict,
        reason: "rule".into(),
        rule: None,
        hook: "connect4".into(),
        mode: Mode::Enforce,
        from: FlowEnd {
            name: Some(from.into()),
            ..FlowEnd::class(Class::Workload)
        },
        to: FlowEnd::class(Class::Lan),
        direction: None,
        protocol: "tcp".into(),
        source: None,
        destination: ([10, 0, 0, 1], port).into(),
        inner_port: None,
        dns: None,
        object: None,
        pid: None,
        comm: None,
        repeats: 3,
        allow_with: (verdict == Verdict::Deny).then(|| format!("line {second}")),
        totals: None,
    }
}

fn sums(by: TopBy) -> Sums {
    let mut sums = Sums::new(by);
    for second in 1..=4 {
        sums.add(flow("web", 443, Verdict::Deny, second));
    }
    for second in 5..=7 {
        sums.add(flow("web", 443, Verdict::Allow, second));
    }
    for second in 1..=20 {
        sums.add(flow("web", 80, Verdict::Allow, second));
    }
    for second in 1..=5 {
        sums.add(flow("db", 443, Verdict::Deny, second));
    }
    sums
}

fn rows(top: &Top) -> Vec<(&str, u16, u64, u64)> {
    let row = |row: &'_ TopRow| (row.port, row.flows, row.denials);
    let names = top.rows.iter().map(|row| row.from.name.as_deref().unwrap());
    let numbers = top.rows.iter().map(row);
    names
        .zip(numbers)
        .map(|(name, (port, flows, denials))| (name, port, flows, denials))
        .collect()
}

#[test]
fn denials_are_summed_by_ends_and_port() {
    let top = sums(TopBy::Denials).top(None);
    assert_eq!(rows(&top), [("db", 443, 15, 15), ("web", 443, 21, 12)]);
    let first = &top.rows[0];
    assert_eq!((first.first.as_second(), first.last.as_second()), (1, 5));
    assert_eq!(first.allow_with.as_deref(), Some("line 5"));
    assert_eq!(first.address, Some([10, 0, 0, 1].into()));
}

#[test]
fn all_flows_are_summed_where_they_are_asked_for() {
    let top = sums(TopBy::Flows).top(Some(2));
    assert_eq!(rows(&top), [("web", 80, 60, 0), ("web", 443, 21, 12)]);
    assert_eq!(top.left_out, 1);
    assert_eq!(top.rows[1].allow_with.as_deref(), Some("line 4"));
}

#[test]
fn a_scan_of_ports_does_not_fill_the_memory() {
    let mut sums = sums(TopBy::Denials);
    for port in 1..=65_535 {
        for host in [1, 2] {
            let mut flow = flow("scan", port, Verdict::Deny, 100);
            flow.repeats = 1;
            flow.destination.set_ip([10, 0, 1, host].into());
            sums.add(flow);
        }
        assert!(sums.rows.len() <= ROWS);
    }
    let top = sums.top(Some(3));
    assert_eq!(rows(&top)[..2], [("db", 443, 15, 15), ("web", 443, 21, 12)]);
    assert!(top.left_out > 100_000, "{}", top.left_out);
}
