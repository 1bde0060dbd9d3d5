//! What findings and matrix say of a host whose firewall's listing was read. The rules are as `nft -j list ruleset`
//! and `iptables-save` print them; what is true of them was tried with real connections.
#![allow(clippy::expect_used, reason = "functions of a test")]

use std::collections::BTreeMap;

use cofferdam_audit::compose::{self, Given};
use cofferdam_audit::engine::Engine;
use cofferdam_audit::host::{Firewall, Host, Listener, Owner};
use cofferdam_audit::matrix::{From, Outcome, Way, matrix};
use cofferdam_audit::model::{Estate, NetworkUse, Protocol};
use cofferdam_audit::{Position, Severity, check};

const FILE: &str = "services:
  tool: {image: t, network_mode: host}
  web: {image: w, ports: ['8080:80']}
  db: {image: postgres, ports: ['15432:5432']}
  admin: {image: a, ports: ['127.0.0.1:9000:90']}
";
const ID: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// `tool` listens on 8123 in host mode; the engine is older than 28; the containers have addresses.
fn estate(firewall: Firewall) -> Estate {
    let files = Given(BTreeMap::from([("c.yaml".to_owned(), FILE.as_bytes().to_vec())]));
    let mut project = compose::read(&files, &["c.yaml".to_owned()]).project;
    for (service, last) in project.services.iter_mut().zip(1..) {
        service.networks.push(NetworkUse {
            name: cofferdam_audit::Located::new("lab".to_owned(), service.at.clone()),
            addresses: vec![format!("172.18.0.{last}")],
            gateways: Vec::new(),
        });
    }
    let tool = &mut project.services[0];
    tool.id = Some(ID.to_owned());
    tool.networks.clear();
    let mut engine = Engine::unknown(Position::start("version"));
    engine.add_version(br#"{"Version": "27.5.1"}"#);
    let listener = Listener {
        protocol: Protocol::Tcp,
        address: std::net::IpAddr::from([0, 0, 0, 0]),
        port: 8123,
        owner: Some(Owner {
            pid: 7,
            command: "tool".to_owned(),
            container: Some(ID.to_owned()),
        }),
    };
    Estate {
        projects: vec![project],
        engine: Some(engine),
        host: Some(Host {
            listeners: vec![listener],
            firewall,
            ..Host::default()
        }),
    }
}

/// The rule's findings about a service.
fn said(estate: &Estate, rule: &str, service: &str) -> Option<(Severity, String)> {
    let mut found = check(estate)
        .into_iter()
        .filter(|finding| finding.rule == rule && finding.service.as_deref() == Some(service));
    found.next().map(|finding| (finding.severity, finding.message))
}

fn lan(estate: &Estate, to: &str, way: Way) -> Outcome {
    let rows = matrix(estate);
    let row = rows
        .iter()
        .find(|row| row.from == From::Lan && row.to == to && row.way == way);
    row.unwrap_or_else(|| panic!("{to} {way:?}: {rows:?}")).now
}

/// The host's own ports are dropped unless a rule of `accepts` lets them in.
fn nft(family: &str, accepts: &[&str]) -> Firewall {
    let rules: String = accepts
        .iter()
        .map(|words| {
            format!(r#",{{"rule":{{"family":"{family}","table":"host","chain":"input","expr":[{words}]}}}}"#)
        })
        .collect();
    let text = format!(
        r#"{{"nftables":[{{"metainfo":{{"version":"1.0.6"}}}},{{"table":{{"family":"{family}","name":"host"}}}},
        {{"set":{{"family":"{family}","name":"ok","table":"host","type":"inet_service","flags":["interval"],
          "elem":[22,{{"range":[8100,8200]}}]}}}},
        {{"map":{{"family":"{family}","name":"verdicts","table":"host","type":"inet_service","map":"verdict",
          "elem":[[22,{{"drop":null}}],[8123,{{"accept":null}}]]}}}},
        {{"chain":{{"family":"{family}","table":"host","name":"mine"}}}},
        {{"chain":{{"family":"{family}","table":"host","name":"input","type":"filter","hook":"input","prio":0,"policy":"drop"}}}},
        {{"rule":{{"family":"{family}","table":"host","chain":"mine","expr":[{{"accept":null}}]}}}}{rules}]}}"#
    );
    Firewall::read(&text, "", "")
}

fn condition(op: &str, left: &str, right: &str) -> String {
    format!(r#"{{"match":{{"op":"{op}","left":{left},"right":{right}}}}}"#)
}

fn dport(op: &str, right: &str) -> String {
    condition(op, r#"{"payload":{"protocol":"tcp","field":"dport"}}"#, right)
}

fn meta(key: &str, right: &str) -> String {
    condition("==", &format!(r#"{{"meta":{{"key":"{key}"}}}}"#), right)
}

/// Port 8123 of a host-mode service: what `firewall-covers`, `host-network` and the matrix say agrees.
fn assert_host_mode(firewall: Firewall, covered: bool, of: &str) {
    let estate = estate(firewall);
    assert_eq!(
        said(&estate, "firewall-covers", "tool").is_some(),
        covered,
        "{of}"
    );
    assert_eq!(
        lan(&estate, "tool", Way::HostMode) == Outcome::Blocked,
        covered,
        "{of}"
    );
    let (_, told) = said(&estate, "host-network", "tool").expect("host mode is told");
    assert_eq!(told.contains("covers its ports"), covered, "{of}: {told}");
}

#[test]
fn accepts_of_nft_that_let_the_port_in() {
    let lan0 = meta("iifname", r#""lan0""#);
    let sender = condition(
        "==",
        r#"{"payload":{"protocol":"ip","field":"saddr"}}"#,
        r#"{"prefix":{"addr":"192.168.0.0","len":16}}"#,
    );
    let set = r#"{"set":[22,{"range":[8000,9000]}]}"#;
    for words in [
        String::new(),
        lan0.clone(),
        meta("l4proto", r#""tcp""#),
        dport("!=", "22"),
        dport("!=", r#"{"set":[22,23]}"#),
        dport(">=", "1024"),
        dport("<", "9000"),
        dport("==", r#"{"range":[8000,9000]}"#),
        dport("==", r#""@ok""#),
        dport("==", set),
        format!("{lan0},{}", dport("==", set)),
        format!("{},{}", dport(">=", "8000"), dport("<=", "9000")),
        sender,
        meta("mark", "7"),
        meta("nfproto", r#""ipv4""#),
        r#"{"xt":{"type":"match","name":"multiport"}}"#.to_owned(),
        condition("in", r#"{"ct":{"key":"state"}}"#, r#"["new","established"]"#),
    ] {
        let all = if words.is_empty() { words } else { words + "," };
        let accept = format!(r#"{all}{{"counter":{{"packets":0,"bytes":0}}}},{{"accept":null}}"#);
        assert_host_mode(nft("inet", &[&accept]), false, &accept);
    }
    for words in [
        r#"{"jump":{"target":"mine"}}"#.to_owned(),
        format!(r#"{},{{"goto":{{"target":"mine"}}}}"#, dport("==", "8123")),
        r#"{"vmap":{"key":{"payload":{"protocol":"tcp","field":"dport"}},"data":"@verdicts"}}"#.to_owned(),
        r#"{"vmap":{"key":{"meta":{"key":"iifname"}},"data":{"set":[["lan0",{"jump":{"target":"mine"}}]]}}}"#
            .to_owned(),
    ] {
        assert_host_mode(nft("inet", &[&words]), false, &words);
    }
}

#[test]
fn accepts_of_nft_that_leave_the_port_covered() {
    let state = r#"{"ct":{"key":"state"}}"#;
    for words in [
        meta("iif", r#""lo""#),
        meta("iifname", r#""docker0""#),
        meta("iifname", r#"{"set":["lo","br-0123456789ab"]}"#),
        meta("l4proto", r#""udp""#),
        meta("l4proto", r#""ipv6-icmp""#),
        meta("nfproto", r#""ipv6""#),
        dport("==", "22"),
        dport("!=", "8123"),
        dport("<", "1024"),
        format!("{},{}", dport(">=", "8000"), dport("<", "8100")),
        condition("in", state, r#"["established","related"]"#),
        condition("==", state, r#"{"set":["established","related"]}"#),
        condition("in", r#"{"ct":{"key":"status"}}"#, r#""dnat""#),
        condition(
            "==",
            r#"{"payload":{"protocol":"icmp","field":"type"}}"#,
            r#""echo-request""#,
        ),
        // `-m conntrack --ctstate RELATED,ESTABLISHED`, of which nft shows no more.
        r#"{"xt":{"type":"match","name":"conntrack"}}"#.to_owned(),
    ] {
        let accept = format!(r#"{words},{{"accept":null}}"#);
        assert_host_mode(nft("inet", &[&accept]), true, &accept);
    }
    let states = r#"{"vmap":{"key":{"ct":{"key":"state"}},"data":{"set":[["invalid",{"drop":null}],["established",{"accept":null}]]}}}"#;
    assert_host_mode(nft("inet", &[states]), true, states);
    let first = format!(r#"{},{{"drop":null}}"#, dport("==", "8123"));
    assert_host_mode(
        nft("inet", &[&first, r#"{"accept":null}"#]),
        true,
        "the first rule decides",
    );
}

#[test]
fn bridges_are_let_in_apart_from_the_lan() {
    let bridge = format!(r#"{},{{"accept":null}}"#, meta("iifname", r#""br-*""#));
    for (accepts, wanted) in [
        (vec![bridge.as_str()], Outcome::Reached),
        (Vec::new(), Outcome::Blocked),
    ] {
        let estate = estate(nft("inet", &accepts));
        let rows = matrix(&estate);
        let from = From::Container("web".to_owned());
        let mut gateway = rows
            .iter()
            .filter(|row| row.from == from && row.way == Way::Gateway);
        assert_eq!(gateway.next().map(|row| row.now), Some(wanted), "{rows:?}");
        assert_eq!(lan(&estate, "tool", Way::HostMode), Outcome::Blocked);
    }
}

#[test]
fn accepts_of_iptables() {
    for (rule, covered) in [
        ("-i lo -j ACCEPT", true),
        ("-s 127.0.0.0/8 -j ACCEPT", true),
        ("-i docker0 -j ACCEPT", true),
        ("-p icmp -j ACCEPT", true),
        ("-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", true),
        ("-m state --state RELATED,ESTABLISHED -j ACCEPT", true),
        (
            "-p tcp -m tcp --dport 22 -m comment --comment \"not -j ACCEPT\" -j ACCEPT",
            true,
        ),
        ("-p udp -m udp --dport 8123 -j ACCEPT", true),
        (
            "-p tcp -m tcp --dport 8123 -j REJECT --reject-with tcp-reset",
            true,
        ),
        ("-j f2b", true),
        ("-i br-0123456789ab -j ACCEPT", true),
        ("-j ACCEPT", false),
        ("-i lan0 -j ACCEPT", false),
        ("-i br-lan -j ACCEPT", false),
        ("-i tailscale0 -j ACCEPT", false),
        ("! -i docker0 -j ACCEPT", false),
        ("-p tcp -j ACCEPT", false),
        ("-p tcp -m tcp ! --dport 22 -j ACCEPT", false),
        ("-p tcp -m tcp --dport 1024:65535 -j ACCEPT", false),
        ("-p tcp -m multiport --dports 22,8000:9000 -j ACCEPT", false),
        (
            "-p tcp -m conntrack --ctstate NEW -m tcp --dport 8123 -j ACCEPT",
            false,
        ),
        ("-s 192.168.0.0/16 -j ACCEPT", false),
        ("-m set --match-set friends src -j ACCEPT", false),
        ("-m socket -j ACCEPT", false),
        ("-j mine", false),
        ("-p tcp -m tcp --dport 8123 -g mine", false),
    ] {
        let text = format!(
            "*filter\n:INPUT DROP [0:0]\n:DOCKER-USER - [0:0]\n:mine - [0:0]\n:f2b - [0:0]\n-A INPUT {rule}\n\
             -A mine -j ACCEPT\n-A f2b -s 203.0.113.66/32 -j DROP\n-A f2b -j RETURN\nCOMMIT\n"
        );
        assert_host_mode(Firewall::read("", &text, ""), covered, rule);
    }
}

#[test]
fn a_policy_of_the_other_family_covers_nothing() {
    assert_host_mode(nft("ip6", &[]), false, "ip6");
    assert_host_mode(nft("ip", &[]), true, "ip");
    let bypass = |firewall| said(&estate(firewall), "firewall-bypass", "web").is_some();
    assert!(!bypass(nft("ip6", &[])) && bypass(nft("ip", &[])));
    // A listener on [::] answers both families.
    for (family, covered) in [("ip", false), ("ip6", false), ("inet", true)] {
        let mut estate = estate(nft(family, &[]));
        let host = estate.host.as_mut().expect("a host");
        host.listeners[0].address = std::net::Ipv6Addr::UNSPECIFIED.into();
        let told = said(&estate, "firewall-covers", "tool");
        assert_eq!(told.is_some(), covered, "{family}");
    }
}

/// An old engine and a firewall for the host, and this rule in DOCKER-USER: (LAN reaches web, and admin).
fn assert_forward(firewall: Firewall, web: bool, admin: bool, of: &str) {
    let estate = estate(firewall);
    assert_eq!(said(&estate, "firewall-bypass", "web").is_some(), web, "{of}");
    let (severity, told) = said(&estate, "wildcard-publish", "web").expect("it is told");
    assert_eq!(severity == Severity::Medium, web, "{of}: {told}");
    let (severity, _) = said(&estate, "database-publish", "db").expect("it is told");
    let general = !admin;
    assert_eq!(severity == Severity::Medium, general, "{of}");
    assert_eq!(
        said(&estate, "loopback-publish-leak", "admin").is_some(),
        admin,
        "{of}"
    );
    for (service, reached) in [("web", web), ("admin", admin)] {
        for way in [Way::Published, Way::Direct] {
            let wanted = if reached {
                Outcome::Reached
            } else {
                Outcome::Blocked
            };
            assert_eq!(lan(&estate, service, way), wanted, "{of}: {service} {way:?}");
        }
    }
}

#[test]
fn drops_in_docker_user_in_iptables() {
    for (rules, web, admin) in [
        ("-A DOCKER-USER -s 203.0.113.66/32 -j DROP", true, true),
        (
            "-A DOCKER-USER -i lan0 -p tcp -m tcp --dport 9999 -j DROP",
            true,
            true,
        ),
        (
            "-A DOCKER-USER -i lan0 -p tcp -m conntrack --ctorigdstport 8080 --ctdir ORIGINAL -j DROP",
            true,
            true,
        ),
        ("-A DOCKER-USER -i docker0 -j DROP", true, true),
        ("-A DOCKER-USER -i wg0 -j DROP", true, true),
        ("-A DOCKER-USER ! -i lan0 -j DROP", true, true),
        ("-A DOCKER-USER -d 172.18.0.9/32 -j DROP", true, true),
        ("-A DOCKER-USER -p udp -j DROP", true, true),
        (
            "-A DOCKER-USER -m conntrack --ctstate INVALID -j DROP",
            true,
            true,
        ),
        ("-A DOCKER-USER -j RETURN\n-A DOCKER-USER -j DROP", true, true),
        // DNAT comes first: the port is the container's.
        (
            "-A DOCKER-USER -i lan0 -p tcp -m tcp --dport 80 -j DROP",
            false,
            true,
        ),
        (
            "-A DOCKER-USER -p tcp -m tcp --dport 80 -j RETURN\n-A DOCKER-USER -i lan0 -j DROP",
            true,
            false,
        ),
        ("-A DOCKER-USER -i lan0 -j DROP", false, false),
        ("-A DOCKER-USER -j DROP", false, false),
        (
            "-A DOCKER-USER ! -i docker0 -j REJECT --reject-with icmp-port-unreachable",
            false,
            false,
        ),
        (
            "-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN\n-A DOCKER-USER -i lan0 -j DROP",
            false,
            false,
        ),
    ] {
        let text = format!("*filter\n:INPUT DROP [0:0]\n:DOCKER-USER - [0:0]\n{rules}\nCOMMIT\n");
        assert_forward(Firewall::read("", &text, ""), web, admin, rules);
    }
}

/// As nft lists what iptables-nft wrote.
#[test]
fn drops_in_docker_user_in_nft() {
    let sender = condition(
        "==",
        r#"{"payload":{"protocol":"ip","field":"saddr"}}"#,
        r#""203.0.113.66""#,
    );
    let lan0 = meta("iifname", r#""lan0""#);
    let conntrack = r#"{"xt":{"type":"match","name":"conntrack"}}"#;
    for (family, words, reached) in [
        ("ip", format!("{sender},"), true),
        ("ip", format!("{lan0},{},", dport("==", "9999")), true),
        (
            "ip",
            format!("{lan0},{},{conntrack},", meta("l4proto", r#""tcp""#)),
            true,
        ),
        ("ip6", format!("{lan0},"), true),
        ("ip", format!("{lan0},"), false),
        ("ip", String::new(), false),
    ] {
        let text = format!(
            r#"{{"nftables":[
            {{"chain":{{"family":"ip","table":"filter","name":"INPUT","type":"filter","hook":"input","prio":0,"policy":"drop"}}}},
            {{"chain":{{"family":"{family}","table":"filter","name":"DOCKER-USER"}}}},
            {{"rule":{{"family":"{family}","table":"filter","chain":"DOCKER-USER","expr":[{words}{{"counter":{{"packets":0,"bytes":0}}}},{{"drop":null}}]}}}}]}}"#
        );
        assert_forward(Firewall::read(&text, "", ""), reached, reached, &words);
    }
}

/// (LAN reaches web's address, and admin's port on loopback.)
fn assert_raw(firewall: Firewall, direct: bool, loopback: bool, of: &str) {
    let estate = estate(firewall);
    let reached = |reached| {
        if reached {
            Outcome::Reached
        } else {
            Outcome::Blocked
        }
    };
    assert_eq!(lan(&estate, "web", Way::Direct), reached(direct), "{of}");
    assert_eq!(lan(&estate, "admin", Way::Published), reached(loopback), "{of}");
    assert_eq!(
        said(&estate, "loopback-publish-leak", "admin").is_some(),
        loopback,
        "{of}"
    );
}

#[test]
fn raw_drops_of_iptables() {
    for (rule, direct, loopback) in [
        ("-p tcp -m tcp --dport 9999 -j DROP", true, true),
        ("-s 203.0.113.66/32 -j DROP", true, true),
        ("-d 172.18.0.9/32 ! -i br-0123456789ab -j DROP", true, true),
        ("-d 172.18.0.2/32 ! -i br-0123456789ab -j DROP", false, true),
        ("-d 172.18.0.0/16 -j DROP", false, true),
        ("-d 172.18.0.2/32 -p tcp -m tcp --dport 9999 -j DROP", true, true),
        (
            "-d 127.0.0.1/32 ! -i lo -p tcp -m tcp --dport 9000 -j DROP",
            true,
            false,
        ),
        (
            "-d 127.0.0.1/32 ! -i lo -p tcp -m tcp --dport 9001 -j DROP",
            true,
            true,
        ),
        ("-d 127.0.0.0/8 ! -i lo -j DROP", true, false),
        ("-i lan0 -j DROP", false, false),
        ("-j DROP", false, false),
    ] {
        let text = format!("*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING {rule}\nCOMMIT\n");
        assert_raw(Firewall::read("", &text, ""), direct, loopback, rule);
    }
}

#[test]
fn raw_drops_of_nft() {
    let daddr = |right: &str| condition("==", r#"{"payload":{"protocol":"ip","field":"daddr"}}"#, right);
    let subnet = r#"{"prefix":{"addr":"127.0.0.0","len":8}}"#;
    let outside = condition("!=", r#"{"meta":{"key":"iifname"}}"#, r#""docker0""#);
    for (prio, words, direct, loopback) in [
        (-300, dport("==", "9999"), true, true),
        (
            -300,
            format!("{outside},{}", daddr(r#""172.18.0.2""#)),
            false,
            true,
        ),
        (-300, daddr(subnet), true, false),
        // Behind DNAT a port on loopback is no more to be seen.
        (0, daddr(subnet), true, true),
    ] {
        let text = format!(
            r#"{{"nftables":[
            {{"chain":{{"family":"ip","table":"raw28","name":"prerouting","type":"filter","hook":"prerouting","prio":{prio},"policy":"accept"}}}},
            {{"rule":{{"family":"ip","table":"raw28","chain":"prerouting","expr":[{words},{{"drop":null}}]}}}}]}}"#
        );
        assert_raw(Firewall::read(&text, "", ""), direct, loopback, &words);
    }
}
