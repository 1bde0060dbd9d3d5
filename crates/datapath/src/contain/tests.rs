use std::net::IpAddr;

use super::{blocks, is_private_loopback, loopback};

#[test]
fn ports_become_the_fewest_prefixes() {
    assert_eq!(blocks(80, 80), [(80, 16)]);
    assert_eq!(blocks(0, 65535), [(0, 0)]);
    assert_eq!(blocks(1, 4), [(1, 16), (2, 15), (4, 16)]);
    assert_eq!(blocks(65535, 65535), [(65535, 16)]);
}

#[test]
fn each_number_has_a_loopback_of_its_own() {
    assert_eq!(loopback(1).0.to_string(), "127.64.0.1");
    assert_eq!(loopback(0x0030_0000 | 7).0.to_string(), "127.112.0.7");
    assert_eq!(loopback(1).1.to_string(), "fd63:6f66:6665:7264:616d::1");
    for number in [0, 1, 300, 0x003f_ffff] {
        assert!(is_private_loopback(IpAddr::from(loopback(number).0)), "{number}");
        assert!(is_private_loopback(IpAddr::from(loopback(number).1)), "{number}");
    }
    for other in ["127.0.0.1", "127.0.1.1", "127.128.0.1", "::1", "fd00::1"] {
        assert!(
            !is_private_loopback(other.parse().unwrap_or(IpAddr::from([127, 64, 0, 1]))),
            "{other}"
        );
    }
}
