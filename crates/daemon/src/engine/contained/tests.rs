use super::*;

#[test]
fn a_process_without_net_raw_may_get_it_unless_it_gave_up_new_privileges() {
    let status = |permitted: &str, bounding: &str, given_up: u8| {
        format!("Name:\tx\nCapPrm:\t{permitted}\nCapBnd:\t{bounding}\nNoNewPrivs:\t{given_up}\n")
    };
    let (all, none) = ("000001ffffffffff", "0000000000000000");
    let without = "000001ffffffdfff";
    assert!(net_raw(&status(all, all, 1)));
    assert!(net_raw(&status(none, all, 0)), "ping is given it");
    assert!(!net_raw(&status(none, all, 1)));
    assert!(!net_raw(&status(without, without, 0)));
}
