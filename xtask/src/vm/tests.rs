use super::Outcome;

#[test]
fn totals_and_markers_are_read() {
    let mut outcome = Outcome::default();
    for line in [
        "test root_udp_by_identity ... ok",
        "test result: FAILED. 8 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 49.65s",
        "@@ ended enforcement 101",
        "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.65s",
        "@@ ended decision 0",
    ] {
        outcome.read(line);
    }
    assert_eq!((outcome.passed, outcome.failed, outcome.ended), (10, 1, 2));
    assert_eq!(outcome.wrong, ["enforcement 101 (program, exit status)"]);
}
