use super::{Figure, Samples};
use crate::plan::{Measure, Setting};

fn samples(runs: &[&[(f64, f64)]]) -> Samples {
    let mut samples = Samples::default();
    for run in runs {
        samples.start_run();
        for (bare, empty) in *run {
            samples.start_round();
            samples.record(Measure::Connect, Setting::Bare, *bare);
            samples.record(Measure::Connect, Setting::Empty, *empty);
        }
    }
    samples
}

#[test]
fn a_ratio_is_paired_by_round_so_drift_cancels() {
    // The machine slows down tenfold; the setting costs a tenth more throughout.
    let samples = samples(&[
        &[(100.0, 110.0), (200.0, 220.0)],
        &[(1000.0, 1100.0), (500.0, 550.0)],
    ]);
    let ratio = samples
        .ratio(Measure::Connect, Setting::Empty, Setting::Bare)
        .unwrap();
    assert!(
        (ratio.median - 1.1).abs() < 1e-9 && (ratio.max - ratio.min).abs() < 1e-9,
        "{ratio:?}"
    );
}

#[test]
fn the_spread_is_that_of_the_runs() {
    let samples = samples(&[
        &[(1.0, 1.0), (1.0, 9.0), (1.0, 2.0)],
        &[(1.0, 4.0)],
        &[(1.0, 3.0)],
    ]);
    let ratio = samples
        .ratio(Measure::Connect, Setting::Empty, Setting::Bare)
        .unwrap();
    assert_eq!(
        ratio,
        Figure {
            median: 3.0,
            min: 2.0,
            max: 4.0
        }
    );
}

#[test]
fn a_round_without_the_setting_does_not_count() {
    let mut samples = samples(&[&[(2.0, 4.0)]]);
    samples.start_round();
    samples.record(Measure::Connect, Setting::Bare, 50.0);
    let ratio = samples
        .ratio(Measure::Connect, Setting::Empty, Setting::Bare)
        .unwrap();
    assert_eq!(ratio.median, 2.0);
    assert_eq!(samples.ratio(Measure::Bulk, Setting::Empty, Setting::Bare), None);
    assert_eq!(samples.counts(), (1, 2));
}
