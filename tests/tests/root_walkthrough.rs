//! The main job, row by row. Row 10 is G-UNTOUCHED, row 12 G-CRASHED, row 13 G-NO-WINDOW, row 14 G-OBSERVE, row 15
//! G-STOPPED, G-OFF and G-REMOVED.

use cofferdam_tests::walkthrough::{self, Verdict};

/// Every row passes; all are run, so that one failure tells what else is broken.
#[test]
fn root_walkthrough_rows_pass() {
    let rows =
        walkthrough::run(|row| println!("{:>2} {:?} {} | {} ms", row.row, row.result, row.observed, row.ms))
            .expect("a lab");
    let failed: Vec<_> = rows.iter().filter(|r| r.result == Verdict::Fail).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let numbers: Vec<u8> = rows.iter().map(|r| r.row).collect();
    assert_eq!(numbers, (1..=16).collect::<Vec<u8>>());
}
