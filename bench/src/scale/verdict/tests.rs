use cofferdam_policy::{RowKey, compile};

use super::{FIRST, world};

#[test]
fn every_workload_has_a_row_for_the_one_it_is_open_to() {
    let compiled = compile(&world(10)).unwrap();
    let has =
        |key: &RowKey, number: u32| key.subject == FIRST + number && key.peer.0 == FIRST + (number + 1) % 10;
    for number in 0..10 {
        assert!(
            compiled.rows.keys().any(|key| has(key, number)),
            "{number}: {:?}",
            compiled.rows
        );
    }
}
