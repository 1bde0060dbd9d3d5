//! A short run of what `cargo xtask soak` runs long.

use cofferdam_tests::soak;

const ROUNDS: u32 = 5;

/// G-NO-WINDOW: no connection succeeds before the policy of a new container is in force.
#[test]
fn root_first_act_is_never_free() {
    let report = soak::first_act(ROUNDS).expect("a run");
    assert!(report.wrong.is_empty() && report.rounds == ROUNDS, "{report:#?}");
}

/// G-CRASHED, G-STOPPED, G-RESTART: restarts open nothing and close nothing.
#[test]
fn root_restarts_change_no_verdict() {
    let report = soak::restarts(ROUNDS).expect("a run");
    assert!(report.wrong.is_empty() && report.rounds == ROUNDS, "{report:#?}");
}
