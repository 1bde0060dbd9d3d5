use super::{denials, judge, memory};
use crate::figures::{Figure, Samples};
use crate::hooks::Cost;
use crate::plan::{Measure, Part, Setting};

fn samples(measure: Measure, of: &[(Setting, f64)]) -> Samples {
    let mut samples = Samples::default();
    samples.start_run();
    samples.start_round();
    for (setting, value) in of {
        samples.record(measure, *setting, *value);
    }
    samples
}

#[test]
fn a_latency_may_grow_up_to_the_limit() {
    let at = |protected| {
        let samples = samples(
            Measure::Connect,
            &[(Setting::Empty, 1000.0), (Setting::Protected, protected)],
        );
        judge(Part::Loopback, &samples, &[])[0].pass
    };
    assert!(at(1050.0) && at(900.0) && !at(1051.0));
}

#[test]
fn a_lower_rate_is_a_longer_time() {
    let samples = samples(
        Measure::Rate,
        &[(Setting::Bare, 1000.0), (Setting::Unprotected, 900.0)],
    );
    let outcome = &judge(Part::Loopback, &samples, &[])[0];
    assert!(!outcome.pass && outcome.seen.median > 1.1, "{outcome:?}");
}

#[test]
fn throughput_may_shrink_and_memory_has_a_ceiling() {
    let samples = samples(
        Measure::Bulk,
        &[(Setting::Bare, 100.0), (Setting::Protected, 98.5)],
    );
    assert!(judge(Part::Loopback, &samples, &[])[0].pass);
    assert!(memory(29.9).pass && !memory(30.0).pass);
    assert!(denials(0).pass && !denials(1).pass);
}

#[test]
fn the_proof_between_namespaces_has_six_goals() {
    let of = [
        (Setting::Bare, 1000.0),
        (Setting::Empty, 1100.0),
        (Setting::Constant, 1350.0),
        (Setting::Protected, 1400.0),
        (Setting::Nfqueue, 2000.0),
    ];
    let mut samples = samples(Measure::Connect, &of);
    samples.record(Measure::Bulk, Setting::Bare, 100.0);
    samples.record(Measure::Bulk, Setting::Protected, 99.0);
    let cost = |setting, total_ns, above: f64| Cost {
        part: Part::Veth,
        setting,
        total_ns,
        above_empty_ns: Figure::of(vec![above]),
        hooks: Vec::new(),
    };
    let costs = [
        cost(Setting::Empty, 1100.0, 0.0),
        cost(Setting::Protected, 3101.0, 2001.0),
    ];
    let outcomes = judge(Part::Veth, &samples, &costs);
    let passed: Vec<bool> = outcomes.iter().map(|outcome| outcome.pass).collect();
    // 2001 ns above 2000, which are 1.82 of the empty programs; 1.27 above 1.05, but 1.04 of an option that proves nothing;
    // 0.4 of what NFQUEUE adds; 0.99 of the throughput.
    assert_eq!(passed, [false, true, false, true, true, true], "{outcomes:?}");
    assert!((outcomes[4].seen.median - 0.4).abs() < 1e-9, "{outcomes:?}");
}
