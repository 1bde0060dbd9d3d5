//! The kernel's tables and the firewall's listings.

use std::net::IpAddr;

use super::{Firewall, FirewallTool, abstract_sockets, is_public, sockets_of};
use crate::model::Protocol;

#[test]
fn the_kernels_table_of_tcp_sockets() {
    let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                 0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1\n   \
                 1: 00000000:0050 0200A8C0:C000 01 00000000:00000000 00:00000000 00000000     0        0 77 1\n";
    let (waiting, connected) = sockets_of(Protocol::Tcp, table);
    let loopback: IpAddr = "127.0.0.1".parse().expect("address");
    assert_eq!(waiting, [(Protocol::Tcp, loopback, 5432, 4242)]);
    assert_eq!(connected, [80]);
}

#[test]
fn only_abstract_sockets_that_listen() {
    let table = "Num       RefCount Protocol Flags    Type St Inode Path\n\
                 0000000000000000: 00000002 00000000 00010000 0001 01 911 @bus\n\
                 0000000000000000: 00000002 00000000 00000000 0001 03 912 @peer\n\
                 0000000000000000: 00000002 00000000 00010000 0001 01 913 /run/x.sock\n";
    assert_eq!(abstract_sockets(table), [("@bus".to_owned(), 911)]);
}

#[test]
fn a_firewall_like_ufw_in_iptables() {
    let text = "*filter\n:INPUT DROP [0:0]\n:ufw-user-input - [0:0]\n-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT\n\
                -A DOCKER-USER -i eth0 -j DROP\nCOMMIT\n";
    let firewall = Firewall::from_iptables(text);
    assert_eq!(firewall.tool, FirewallTool::Ufw);
    assert!(firewall.input_drops && firewall.forward_drops && !firewall.direct_drop);
    assert!(firewall.lets_in(Protocol::Tcp, 22) && !firewall.lets_in(Protocol::Tcp, 80));
}

#[test]
fn a_rule_about_one_sender_is_no_firewall() {
    let line = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s 192.0.2.9 -j DROP\nCOMMIT\n";
    assert!(!Firewall::from_iptables(line).input_drops);
    let all = line.replace("-s 192.0.2.9 ", "");
    assert!(Firewall::from_iptables(&all).input_drops);
}

#[test]
fn a_firewall_in_nftables() {
    let text = br#"{"nftables":[
        {"chain":{"family":"inet","table":"filter","name":"input","hook":"input","policy":"drop"}},
        {"rule":{"table":"filter","chain":"input","expr":[
            {"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},
             "right":{"set":[22,{"range":[8000,8010]}]}}},{"accept":null}]}},
        {"rule":{"table":"raw","chain":"PREROUTING","expr":[{"drop":null}]}}]}"#;
    let firewall = Firewall::from_nft(text);
    assert_eq!(firewall.tool, FirewallTool::Nftables);
    assert!(firewall.lets_in(Protocol::Tcp, 8005) && !firewall.lets_in(Protocol::Tcp, 443));
    assert!(firewall.direct_drop);
}

#[test]
fn which_addresses_are_public() {
    for (text, public) in [
        ("192.168.1.4", false),
        ("100.64.0.1", false),
        ("8.8.8.8", true),
        ("fd00::1", false),
        ("2a01:4f8::1", true),
    ] {
        assert_eq!(is_public(text.parse().expect("address")), public, "{text}");
    }
}
