use super::judge;
use crate::figures::Samples;
use crate::plan::{Measure, Setting};

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
        judge(&samples, None)[0].pass
    };
    assert!(at(1050.0) && at(900.0) && !at(1051.0));
}

#[test]
fn a_lower_rate_is_a_longer_time() {
    let samples = samples(
        Measure::Rate,
        &[(Setting::Bare, 1000.0), (Setting::Unprotected, 900.0)],
    );
    let outcome = &judge(&samples, None)[0];
    assert!(!outcome.pass && outcome.seen.median > 1.1, "{outcome:?}");
}

#[test]
fn throughput_may_shrink_and_memory_has_a_ceiling() {
    let samples = samples(
        Measure::Bulk,
        &[(Setting::Bare, 100.0), (Setting::Protected, 98.5)],
    );
    let outcomes = judge(&samples, Some(30.0));
    assert!(outcomes[0].pass && !outcomes[1].pass, "{outcomes:?}");
}
