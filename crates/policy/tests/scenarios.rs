//! The scenario table through the reference verdict and through the compiled policy.

use std::path::PathBuf;

use cofferdam_policy::scenario::{Case, Engine, Scenario};
use cofferdam_policy::{Verdict, compile, decide};

/// Every scenario with its file name.
fn scenarios() -> std::io::Result<Vec<(String, Scenario)>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let name = path.display().to_string();
            let scenario = Scenario::parse(&std::fs::read_to_string(&path)?);
            found.push((
                name.clone(),
                scenario.map_err(|error| std::io::Error::other(format!("{name}: {error}")))?,
            ));
        }
    }
    Ok(found)
}

/// Runs every case of an engine and returns how many there were; panics with all that went wrong.
fn run(engine: Engine, judge: impl Fn(&Scenario, &Case) -> Verdict) -> usize {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (file, scenario) in scenarios().unwrap_or_else(|error| panic!("{error}")) {
        let rules = compile(&scenario.world)
            .map(|compiled| compiled.rules)
            .unwrap_or_default();
        for case in scenario.cases_for(engine) {
            count += 1;
            if let Err(line) = case.check(&judge(&scenario, case), &rules) {
                wrong.push(format!("{file}: {line}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    count
}

#[test]
fn the_reference_verdict() {
    let count = run(Engine::Decide, |scenario, case| {
        decide(&scenario.world, &case.attempt)
    });
    assert!(count >= 40, "only {count} attempts");
}

#[test]
fn the_compiled_policy() {
    let count = run(Engine::Compiled, |scenario, case| {
        compile(&scenario.world)
            .unwrap()
            .verdict(&scenario.world, &case.attempt)
    });
    assert!(count >= 40, "only {count} attempts");
}

#[test]
fn real_sockets_miss_only_what_has_no_socket() {
    let scenarios = scenarios().unwrap();
    let all: usize = scenarios.iter().map(|(_, scenario)| scenario.cases.len()).sum();
    let sockets: usize = scenarios
        .iter()
        .map(|(_, scenario)| scenario.cases_for(Engine::Sockets).count())
        .sum();
    assert!(
        all - sockets <= 4,
        "{} of {all} attempts are not for real sockets",
        all - sockets
    );
}
