use super::{Daemon, Report, grouped};
use crate::figures::Samples;
use crate::goals;
use crate::hooks::{Cost, Hook};
use crate::plan::{Measure, Setting};

fn report() -> Report {
    let mut samples = Samples::default();
    for run in 0..5 {
        samples.start_run();
        samples.start_round();
        for measure in Measure::ALL {
            for setting in super::SETTINGS {
                samples.record(measure, setting, 123_456_789.0 + f64::from(run));
            }
        }
    }
    let hook = Hook {
        program: "fifteen_letters".to_owned(),
        runs: 12.25,
        ns: 123.0,
    };
    let costs = vec![Cost {
        setting: Setting::Unprotected,
        total_ns: 12_345.0,
        hooks: vec![hook],
    }];
    let daemon = Daemon {
        ready_ms: 300.0,
        memory_at_start_mib: 12.0,
        memory_at_end_mib: 20.0,
    };
    let goals = goals::judge(&samples, Some(29.0));
    Report {
        samples,
        costs,
        daemon,
        hooks_elsewhere: None,
        goals,
    }
}

#[test]
fn the_table_fits_80_columns_and_says_every_goal() {
    let text = report().table();
    let widest = text.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(80), "{widest:?}\n{text}");
    assert_eq!(text.matches("\nPASS").count(), 9, "{text}");
}

#[test]
fn the_document_has_its_version_and_a_row_for_each_measure_and_setting() {
    let document: serde_json::Value = serde_json::from_str(&report().json().unwrap()).unwrap();
    assert_eq!(document["version"], 1);
    assert_eq!(document["bench"].as_array().unwrap().len(), 35);
    assert_eq!(document["bench"][0]["setting"], "bare");
}

#[test]
fn thousands_are_apart() {
    assert_eq!(
        ["7", "1,234", "123,456,789"],
        [grouped(7.0), grouped(1234.0), grouped(123_456_789.0)]
            .map(|s| s)
            .as_ref()
    );
}
