//! A small share of what `cargo xtask soak` runs long.
#![allow(clippy::expect_used, reason = "functions of a test")]

use cofferdam_tests::soak::RUNS;

/// Plays so many rounds of a run.
fn share(name: &str, rounds: u32) {
    let run = RUNS.iter().find(|r| r.name == name).expect("a run of that name");
    let report = (run.play)(rounds).expect("a run");
    println!("{name}: {report:#?}");
    assert!(report.wrong.is_empty() && report.rounds >= rounds, "{report:#?}");
}

/// G-NO-WINDOW: no connection succeeds before the policy of a new container is in force.
#[test]
fn root_first_act_is_never_free() {
    share("first-act", 24);
}

/// G-CRASHED, G-STOPPED, G-RESTART: kills open nothing, close nothing and cut nothing.
#[test]
fn root_restarts_change_no_verdict() {
    share("kill", 8);
}

/// G-RECORDS: a kill loses the last second of flow records, and nothing else.
#[test]
fn root_a_kill_loses_a_second_of_records() {
    share("records", 5);
}

/// G-UPGRADE: a daemon with other programs opens nothing, closes nothing and cuts nothing.
#[test]
fn root_upgrades_change_no_verdict() {
    share("upgrade", 5);
}

/// G-SWAP: while a policy changes nobody sees anything but the old verdict and the new one.
#[test]
fn root_swaps_show_the_old_or_the_new() {
    share("swap", 8);
}

/// G-SWAP, G-POLICIES: what a policy file says is swapped as a whole. What the old and the new policy allow is never refused,
/// what both deny never passes, and once the daemon says that the new one is in force nobody sees the old one.
#[test]
fn root_a_policy_file_is_swapped_without_a_third_verdict() {
    share("policies", 500);
}

/// G-RING: a full ring changes no verdict, and what it lost is counted.
#[test]
fn root_a_full_ring_changes_no_verdict() {
    share("ring-full", 2);
}

/// G-SERVERS: redis, PostgreSQL and nginx see no error from their clients' load tools.
#[test]
fn root_servers_work_as_before() {
    share("servers", 4);
}

/// G-BURST: 50,000 new connections get the right verdict, and each is in a record or counted as lost.
#[test]
fn root_a_burst_is_recorded_or_counted() {
    share("burst", 2);
}
