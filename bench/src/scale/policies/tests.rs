use super::*;

#[test]
fn a_change_of_one_policy_compiles_few_lists_anew() {
    let found = compilation(200, 20).unwrap();
    assert!(found.made <= 20, "{found:?}");
}

/// Prints what the goals of docs/benchmarks.md ask for; run it in release.
#[test]
#[ignore = "a measurement: cargo test --release -p cofferdam-bench -- --ignored --nocapture policies"]
fn the_large_worlds() {
    for found in compilations().unwrap() {
        println!("{found:?}");
    }
}
