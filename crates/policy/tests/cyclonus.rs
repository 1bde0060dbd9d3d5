//! The cells of the cyclonus suite, in the reference verdict and in the compiled policy. The kernel's own decision runs
//! them in `crates/datapath/tests/conformance.rs`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conformance;

use std::collections::BTreeSet;

use cofferdam_policy::cases::{Case, Prepared};
use cofferdam_policy::{Compiled, Judge, compile};

/// Runs every cell; `agree` says which of a step's cells come out as expected.
fn run(mut judge: impl FnMut(&Prepared<'_>) -> Vec<bool>) {
    let Some(text) = conformance::read("cyclonus.jsonl.gz") else {
        return;
    };
    let (mut cells, mut wrong) = (0, Vec::new());
    for line in text.lines() {
        let case = Case::parse(line).unwrap();
        for (number, step) in case.steps.iter().enumerate() {
            let prepared = step.prepare().unwrap();
            cells += prepared.attempts.len();
            let found = judge(&prepared);
            let disagreeing = prepared.attempts.iter().zip(found).filter(|(_, agrees)| !agrees);
            wrong.extend(
                disagreeing.map(|((cell, _), _)| format!("{} step {number}: {cell:?}", case.description)),
            );
        }
    }
    println!("cells {cells} disagree {}", wrong.len());
    assert_eq!(
        (cells, wrong.len()),
        (123_669, 0),
        "{:#?}",
        &wrong[..wrong.len().min(5)]
    );
}

/// G-CONFORMANCE
#[test]
fn the_reference_agrees_on_every_cell() {
    run(|prepared| {
        let judge = Judge::new(&prepared.world);
        let agrees =
            |(cell, attempt): &(&_, _)| cofferdam_policy::cases::Cell::agrees(cell, &judge.ends(attempt));
        prepared.attempts.iter().map(agrees).collect()
    });
}

/// G-CONFORMANCE
#[test]
fn the_compiled_policy_agrees_on_every_cell() {
    run(|prepared| {
        let compiled: Compiled = compile(&prepared.world).unwrap();
        let planes: BTreeSet<u8> = compiled.rows.keys().map(|key| key.plane.0).collect();
        assert!(!planes.is_empty());
        let ends = |attempt| compiled.ends_by(&prepared.world, attempt, |asked| compiled.answer(&asked));
        prepared
            .attempts
            .iter()
            .map(|(cell, attempt)| cell.agrees(&ends(attempt)))
            .collect()
    });
}
