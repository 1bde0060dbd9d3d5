//! The kernel's tables and the firewall's listings.

use std::net::IpAddr;

use super::{Family, Firewall, FirewallTool, Gate, Sender, abstract_sockets, is_public, sockets_of};
use crate::model::Protocol;

fn lets_in(firewall: &Firewall, port: u16) -> bool {
    firewall.gate(Family::Ipv4, Sender::Lan, Protocol::Tcp, port) == Gate::Open
}

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
    let firewall = Firewall::read("", text, "");
    assert_eq!(firewall.tool, FirewallTool::Ufw);
    assert!(firewall.input_drops && !firewall.direct_drop);
    assert!(firewall.drops_forward_to(Family::Ipv4, Protocol::Tcp, 80));
    assert!(lets_in(&firewall, 22) && !lets_in(&firewall, 80));
}

/// The chains of ufw and firewalld that let in are read, those around them are not.
#[test]
fn ufw_and_firewalld_let_in_where_they_always_do() {
    let ufw = "*filter\n:INPUT DROP [0:0]\n:ufw-before-input - [0:0]\n:ufw-user-input - [0:0]\n-A INPUT -j ufw-before-input\n\
               -A ufw-before-input -d 224.0.0.251/32 -p udp -m udp --dport 5353 -j ACCEPT\n-A ufw-before-input -j ufw-user-input\n\
               -A ufw-user-input -p tcp -m tcp --dport 80 -j ACCEPT\n-A ufw-user-input -p tcp -m tcp --dport 22 -j ufw-user-limit-accept\nCOMMIT\n";
    let firewall = Firewall::read("", ufw, "");
    assert!(lets_in(&firewall, 80) && lets_in(&firewall, 22) && !lets_in(&firewall, 5353));
    let firewalld = r#"{"nftables":[
        {"chain":{"family":"inet","table":"firewalld","name":"filter_INPUT","type":"filter","hook":"input","prio":10,"policy":"accept"}},
        {"chain":{"family":"inet","table":"firewalld","name":"filter_IN_docker"}},
        {"chain":{"family":"inet","table":"firewalld","name":"filter_IN_public_allow"}},
        {"rule":{"family":"inet","table":"firewalld","chain":"filter_INPUT","expr":[
            {"match":{"op":"in","left":{"ct":{"key":"status"}},"right":"dnat"}},{"accept":null}]}},
        {"rule":{"family":"inet","table":"firewalld","chain":"filter_INPUT","expr":[{"jump":{"target":"filter_INPUT_ZONES"}}]}},
        {"rule":{"family":"inet","table":"firewalld","chain":"filter_INPUT","expr":[{"reject":{"type":"icmpx","expr":"admin-prohibited"}}]}},
        {"rule":{"family":"inet","table":"firewalld","chain":"filter_IN_docker","expr":[{"accept":null}]}},
        {"rule":{"family":"inet","table":"firewalld","chain":"filter_IN_public_allow","expr":[
            {"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":22}},{"accept":null}]}}]}"#;
    let firewall = Firewall::read(firewalld, "", "");
    assert_eq!(firewall.tool, FirewallTool::Firewalld);
    assert!(firewall.input_drops && lets_in(&firewall, 22) && !lets_in(&firewall, 80));
}

#[test]
fn a_rule_about_one_sender_is_no_firewall() {
    let line = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s 192.0.2.9 -j DROP\nCOMMIT\n";
    assert!(!Firewall::read("", line, "").input_drops);
    let all = line.replace("-s 192.0.2.9 ", "");
    assert!(Firewall::read("", &all, "").input_drops);
}

#[test]
fn a_firewall_in_nftables() {
    let text = r#"{"nftables":[
        {"chain":{"family":"inet","table":"filter","name":"input","hook":"input","policy":"drop"}},
        {"rule":{"table":"filter","chain":"input","expr":[
            {"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},
             "right":{"set":[22,{"range":[8000,8010]}]}}},{"accept":null}]}},
        {"rule":{"table":"raw","chain":"PREROUTING","expr":[{"drop":null}]}}]}"#;
    let firewall = Firewall::read(text, "", "");
    assert_eq!(firewall.tool, FirewallTool::Nftables);
    assert!(lets_in(&firewall, 8005) && !lets_in(&firewall, 443));
    assert!(firewall.direct_drop);
}

/// What iptables-nft made is read from iptables; what the older iptables made stands beside nftables' own.
#[test]
fn iptables_says_more_of_its_own_tables() {
    let nft = r#"{"nftables":[
        {"chain":{"family":"ip","table":"filter","name":"INPUT","hook":"input","policy":"drop"}},
        {"rule":{"family":"ip","table":"filter","chain":"INPUT","expr":[
            {"xt":{"type":"match","name":"multiport"}},{"accept":null}]}}]}"#;
    let gate = |firewall: &Firewall, family, port| firewall.gate(family, Sender::Lan, Protocol::Tcp, port);
    let alone = Firewall::read(nft, "", "");
    assert_eq!(gate(&alone, Family::Ipv4, 443), Gate::Ajar);

    let save = |by: &str| {
        format!(
            "# Generated by iptables-save v1.8.9{by} on Thu Nov 26\n*filter\n:INPUT DROP [0:0]\n\
             -A INPUT -p tcp -m multiport --dports 22,80 -j ACCEPT\nCOMMIT\n"
        )
    };
    let both = Firewall::read(nft, &save(" (nf_tables)"), "");
    let ports = [22, 80, 443].map(|port| gate(&both, Family::Ipv4, port));
    assert_eq!(ports, [Gate::Open, Gate::Open, Gate::Shut]);

    let own = nft.replace(
        "\"xt\":{\"type\":\"match\",\"name\":\"multiport\"}",
        "\"counter\":null",
    );
    let older = Firewall::read(&own, &save(""), &save(""));
    assert_eq!(gate(&older, Family::Ipv4, 443), Gate::Shut);
    assert_eq!(
        [80, 443].map(|port| gate(&older, Family::Ipv6, port)),
        [Gate::Open, Gate::Shut]
    );
}

#[test]
fn chains_in_circles_end() {
    let circle = "*filter\n:INPUT DROP [0:0]\n".to_owned()
        + &"-A a -j a\n-A INPUT -j a\n-A a -s 10.0.0.1 -j ACCEPT\n".repeat(9);
    let firewall = Firewall::read("", &circle, "");
    assert_eq!(
        firewall.gate(Family::Ipv4, Sender::Lan, Protocol::Tcp, 80),
        Gate::Ajar
    );
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

/// The gate of one port for the LAN, of an nftables listing: chains as JSON, rules as (table, chain, expressions).
fn nft_gate(chains: &str, rules: &[(&str, &str, &str)], family: Family, port: u16) -> Gate {
    let rules = rules.iter().map(|(table, chain, expr)| {
        format!(r#",{{"rule":{{"family":"inet","table":"{table}","chain":"{chain}","expr":[{expr}]}}}}"#)
    });
    let text = format!(r#"{{"nftables":[{chains}{}]}}"#, rules.collect::<String>());
    Firewall::read(&text, "", "").gate(family, Sender::Lan, Protocol::Tcp, port)
}

const TO_8123: &str =
    r#"{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":8123}}"#;
const INPUT: &str =
    r#"{"chain":{"family":"inet","table":"own","name":"input","hook":"input","prio":0,"policy":"drop"}}"#;

/// What has a limit drops some packets, and what is about one family leaves the other alone.
#[test]
fn a_drop_with_a_condition_is_none() {
    let accept = format!(r#"{TO_8123},{{"accept":null}}"#);
    for condition in [
        r#"{"set":{"op":"add","elem":1,"set":"@m","stmt":[{"limit":{"rate":10,"per":"second","inv":true}}]}}"#,
        r#"{"ct count":{"val":20,"inv":true}}"#,
        r#"{"match":{"op":"in","left":{"ct":{"key":"state"}},"right":"untracked"}}"#,
    ] {
        let drop = format!(r#"{TO_8123},{condition},{{"drop":null}}"#);
        let rules = [("own", "input", drop.as_str()), ("own", "input", &accept)];
        assert_eq!(
            nft_gate(INPUT, &rules, Family::Ipv4, 8123),
            Gate::Open,
            "{condition}"
        );
    }
    let ipv4 = r#"{"match":{"op":"==","left":{"meta":{"key":"nfproto"}},"right":"ipv4"}},{"return":null}"#;
    let chains = format!(r#"{INPUT},{{"chain":{{"family":"inet","table":"own","name":"six"}}}}"#);
    let rules = [
        ("own", "input", r#"{"jump":{"target":"six"}}"#),
        ("own", "six", ipv4),
        ("own", "six", &accept),
    ];
    assert_eq!(nft_gate(&chains, &rules, Family::Ipv6, 8123), Gate::Open);
}

/// firewalld forwards inside a zone by itself, which opens nothing; a trusted zone opens everything.
#[test]
fn zones_of_firewalld() {
    let chain =
        |name: &str| format!(r#",{{"chain":{{"family":"inet","table":"firewalld","name":"{name}"}}}}"#);
    let chains = INPUT
        .replace("own", "firewalld")
        .replace(r#""drop""#, r#""accept""#)
        + &[
            "filter_INPUT_ZONES",
            "filter_FWD_public_allow",
            "filter_IN_public",
            "filter_IN_trusted",
        ]
        .map(chain)
        .concat();
    let zone = |name: &str| format!(r#"{{"goto":{{"target":"filter_IN_{name}"}}}}"#);
    let out = r#"{"match":{"op":"==","left":{"meta":{"key":"oifname"}},"right":"eth0"}},{"accept":null}"#;
    for (name, gate) in [("public", Gate::Shut), ("trusted", Gate::Open)] {
        let rules = [
            (
                "firewalld",
                "input",
                r#"{"jump":{"target":"filter_INPUT_ZONES"}}"#,
            ),
            ("firewalld", "input", r#"{"reject":null}"#),
            ("firewalld", "filter_INPUT_ZONES", &zone(name)),
            ("firewalld", "filter_FWD_public_allow", out),
            ("firewalld", "filter_IN_trusted", r#"{"accept":null}"#),
        ];
        assert_eq!(nft_gate(&chains, &rules, Family::Ipv4, 80), gate, "{name}");
    }
}

/// What the administrator adds to ufw's own rules counts; of ufw's own only what comes from everybody.
#[test]
fn rules_before_those_of_ufw() {
    let text = "*filter\n:INPUT DROP [0:0]\n:ufw-before-input - [0:0]\n-A INPUT -j ufw-before-input\n\
        -A ufw-before-input -i lo -j ACCEPT\n-A ufw-before-input -p icmp --icmp-type 8 -j ACCEPT\n\
        -A ufw-before-input -p udp --sport 67 --dport 68 -j ACCEPT\n\
        -A ufw-before-input -p tcp --dport 8123 -j ACCEPT\nCOMMIT\n";
    let firewall = Firewall::read("", text, "");
    let gates = [80, 8123].map(|port| firewall.gate(Family::Ipv4, Sender::Lan, Protocol::Tcp, port));
    assert_eq!(
        (firewall.tool, gates),
        (FirewallTool::Ufw, [Gate::Shut, Gate::Open])
    );
}
