//! The TCP and UDP cells of the cyclonus suite in the kernel's own decision. The same cells in Rust:
//! `crates/policy/tests/cyclonus.rs`.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

#[path = "../../policy/tests/conformance/mod.rs"]
mod conformance;

use cofferdam_datapath::Decider;
use cofferdam_policy::cases::Case;
use cofferdam_policy::{Protocol, compile};

/// G-CONFORMANCE, G-ENGINES
#[test]
fn root_the_kernel_agrees_on_every_cell() {
    let Some(text) = conformance::read("cyclonus.jsonl.gz") else {
        return;
    };
    let mut decider = Decider::open().unwrap();
    let (mut cells, mut wrong) = (0, Vec::new());
    for line in text.lines() {
        let case = Case::parse(line).unwrap();
        for step in &case.steps {
            let prepared = step.prepare().unwrap();
            let compiled = compile(&prepared.world).unwrap();
            decider.load(&compiled).unwrap();
            for (cell, attempt) in &prepared.attempts {
                if ![Protocol::TCP, Protocol::UDP].contains(&attempt.protocol) {
                    continue;
                }
                let ends = compiled.ends_by(&prepared.world, attempt, |asked| {
                    decider.decide(&asked).unwrap().verdict
                });
                cells += 1;
                if !cell.agrees(&ends) {
                    wrong.push(format!("{}: {cell:?}", case.description));
                }
            }
        }
    }
    println!("cells {cells} disagree {}", wrong.len());
    assert_eq!(
        (cells, wrong.len()),
        (82_527, 0),
        "{:#?}",
        &wrong[..wrong.len().min(5)]
    );
}
