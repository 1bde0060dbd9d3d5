use super::{Daemon, Report, Section, grouped};
use crate::figures::{Figure, Samples};
use crate::goals;
use crate::hooks::{Cost, Hook};
use crate::plan::{Part, Setting};
use crate::scale::effect::{Change, Effect, Effects};
use crate::scale::times::Times;
use crate::scale::{Apply, Scale, VerdictTime, Workloads};

fn section(part: Part) -> Section {
    let mut samples = Samples::default();
    for run in 0..5 {
        samples.start_run();
        samples.start_round();
        for measure in part.measures() {
            for setting in part.settings() {
                samples.record(*measure, *setting, 123_456_789.0 + f64::from(run));
            }
        }
    }
    let hook = Hook {
        program: "fifteen_letters".to_owned(),
        runs: 12.25,
        ns: 123.0,
    };
    let cost = |setting, above_empty_ns| Cost {
        part,
        setting,
        total_ns: 1_000.0,
        above_empty_ns,
        hooks: vec![hook.clone()],
    };
    let above = Figure::of(vec![11_111.0, 12_345.0, 13_131.0]);
    let costs = vec![cost(Setting::Empty, None), cost(Setting::Protected, above)];
    Section { part, samples, costs }
}

fn report() -> Report {
    let sections: Vec<Section> = [Part::Loopback, Part::Veth, Part::Udp].map(section).into();
    let judged = sections
        .iter()
        .flat_map(|section| goals::judge(section.part, &section.samples, &section.costs));
    let goals: Vec<_> = judged.chain([goals::memory(29.0)]).collect();
    let workloads = |count| Workloads {
        count,
        ready_ms: 12_345.0,
        adopted_ms: 12_345.0,
        memory_mib: 123.4 + f64::from(count),
        maps_mib: 123.4,
    };
    let verdict = VerdictTime {
        identities: 10_000,
        rows: 123_456,
        ns: Figure::of(vec![100.0, 1000.0]).unwrap(),
        first_ns: Figure::of(vec![1000.0, 99_999.0]).unwrap(),
    };
    let effect = |loaded| Effect {
        change: Change::Run,
        loaded,
        times: Times::of(vec![1.0, 12_345.6]).unwrap(),
    };
    let apply = Apply {
        workloads: 10_000,
        policies: 1_000,
        rows: 330_000,
        first_ms: 12_345.0,
        other_ms: 999.0,
        ready_ms: 123_456.0,
        all_ms: 12_345.0,
        changed_ms: 12_345.0,
        one_ms: 12_345.0,
        memory_mib: 1234.5,
        maps_mib: 123.4,
    };
    let scale = Scale {
        workloads: vec![workloads(0), workloads(1000)],
        verdicts: vec![verdict],
        rules: Vec::new(),
        compilations: Vec::new(),
        effects: Effects {
            workloads: 1_000,
            policies: 1_000,
            effects: vec![effect(false), effect(true)],
            memory_mib: 29.5,
        },
        applies: vec![apply],
    };
    let goals = goals.into_iter().chain(goals::scale(&scale)).collect();
    Report {
        sections,
        daemon: Some(Daemon {
            ready_ms: 300.0,
            memory_at_start_mib: 12.0,
            memory_at_end_mib: 20.0,
            denials: 0,
        }),
        hooks_elsewhere: None,
        scale: Some(scale),
        goals,
    }
}

#[test]
fn the_table_fits_80_columns_and_says_every_goal() {
    let text = report().table();
    let widest = text.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(80), "{widest:?}\n{text}");
    // The programs' time is above both of its limits, all of scale's are; NFQUEUE added nothing here that could be halved.
    assert_eq!(
        (text.matches("\nPASS").count(), text.matches("\nMISS").count()),
        (12, 5),
        "{text}"
    );
    assert!(text.contains("one workload more: 1024.0 KiB"), "{text}");
}

#[test]
fn the_document_has_its_version_and_a_row_for_each_measure_and_setting() {
    let document: serde_json::Value = serde_json::from_str(&report().json().unwrap()).unwrap();
    assert_eq!(document["version"], 1);
    let rows = document["bench"].as_array().unwrap();
    let of = |part: &str| rows.iter().filter(|row| row["part"] == part).count();
    assert_eq!((of("loopback"), of("veth"), of("udp")), (35, 24, 8));
    assert_eq!(rows[0]["setting"], "bare");
    assert_eq!(document["hooks"].as_array().unwrap().len(), 6);
    assert_eq!(document["scale"]["verdicts"][0]["identities"], 10_000);
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
