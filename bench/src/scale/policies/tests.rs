use super::*;

#[test]
fn a_change_of_one_policy_compiles_few_lists_anew() {
    let found = compilation(200, 20).unwrap();
    assert!(found.made <= 20, "{found:?}");
}
