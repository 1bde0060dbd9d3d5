//! The main job, row by row. Row 10 is G-UNTOUCHED, row 12 G-CRASHED, row 14 G-OBSERVE, row 15 G-STOPPED, G-OFF and
//! G-REMOVED.

use cofferdam_tests::walkthrough::{self, PROOF_ROWS, Verdict};

/// Every row of this version passes; all are run, so that one failure tells what else is broken.
#[test]
fn root_walkthrough_rows_pass() {
    let rows = walkthrough::run(false, |row| {
        println!("{:>2} {:?} {} | {} ms", row.row, row.result, row.observed, row.ms)
    })
    .expect("a lab");
    let failed: Vec<_> = rows.iter().filter(|r| r.result == Verdict::Fail).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let later: Vec<u8> = rows
        .iter()
        .filter(|r| r.result == Verdict::Later)
        .map(|r| r.row)
        .collect();
    let expected: &[u8] = if PROOF_ROWS { &[] } else { &[13, 16] };
    assert_eq!(later, expected);
}
