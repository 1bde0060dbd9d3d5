use cofferdam_datapath as datapath;

use super::*;

#[test]
fn a_private_loopback_is_known_here_as_in_the_data_plane() {
    for number in [0, 1, 0x3f_ffff, u32::MAX] {
        let (v4, v6) = datapath::loopback(number);
        assert!(is_private_loopback(v4.into()) && is_private_loopback(v6.into()));
    }
    for text in ["127.0.0.1", "127.128.0.0", "127.63.255.255", "::1", "fd63::1"] {
        let ip: IpAddr = text.parse().unwrap();
        assert!(!is_private_loopback(ip), "{ip}");
        assert_eq!(is_private_loopback(ip), datapath::is_private_loopback(ip));
    }
}

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
