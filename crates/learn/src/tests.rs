#![allow(clippy::unwrap_used, reason = "a test may panic")]
use cofferdam_policy::documents;

use super::*;

pub(crate) fn labels(text: &str) -> Labels {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn workload(name: &str, text: &str) -> Workload {
    Workload {
        name: name.to_owned(),
        namespace: "shop".to_owned(),
        identity: labels(text),
        visible: labels(text),
        protected: true,
    }
}

fn end(text: &str) -> End {
    End::Workload(workload(text.split_once('=').unwrap().1, text))
}

fn outside(class: PeerClass, address: &str) -> End {
    End::Outside(Outside {
        class,
        address: address.parse().unwrap(),
        name: None,
    })
}

fn flow(from: End, to: End, port: u16) -> Flow {
    let at = |text: &str| text.parse().unwrap();
    Flow {
        from,
        to,
        protocol: Protocol::TCP,
        port,
        times: 2,
        first: at("2026-03-01T10:00:00Z"),
        last: at("2026-03-01T10:05:12Z"),
    }
}

fn all(passed: &[Flow], there: &[Workload]) -> Learned {
    let seen = Seen {
        passed,
        there,
        ..Seen::default()
    };
    learn(seen, Limits::default(), |_| true)
}

/// The text of the only policy about that workload, which the product's own reader takes.
fn text(learned: &Learned, name: &str) -> String {
    let policy = learned
        .policies
        .iter()
        .find(|one| one.workloads == [name])
        .unwrap();
    let text = policy.yaml();
    let read = documents::parse("x.yaml", text.as_bytes()).unwrap();
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].full_name(), policy.full_name());
    text
}

#[test]
fn a_document_says_who_what_and_since_when() {
    let flows = [
        flow(end("app=web"), end("app=db"), 5432),
        flow(end("app=api"), end("app=db"), 5432),
        flow(end("app=web"), outside(PeerClass::Lan, "192.168.0.9"), 9100),
    ];
    let learned = all(&flows, &[]);
    assert_eq!(learned.left_out, []);
    assert_eq!(text(&learned, "db"), include_str!("tests/db.yaml"));
    assert_eq!(text(&learned, "web"), include_str!("tests/web.yaml"));
    let names: Vec<String> = learned.policies.iter().map(Policy::file_name).collect();
    assert_eq!(
        names,
        [
            "shop.learned-api.yaml",
            "shop.learned-db.yaml",
            "shop.learned-web.yaml"
        ]
    );
}

#[test]
fn a_policy_has_its_name_whoever_is_asked_for() {
    let flows = [
        flow(end("app=web"), end("app=db"), 5432),
        flow(end("role=web"), end("app=db"), 5432),
    ];
    let seen = Seen {
        passed: &flows,
        ..Seen::default()
    };
    let all = learn(seen, Limits::default(), |_| true);
    for text in ["app=web", "role=web"] {
        let one = learn(seen, Limits::default(), |one| one.visible == labels(text));
        let same = all.policies.iter().find(|policy| policy.identity == labels(text));
        assert_eq!(one.policies.len(), 1);
        assert_eq!(one.policies[0].file_name(), same.unwrap().file_name());
    }
}

#[test]
fn what_says_more_than_was_seen_says_so() {
    let mut flows: Vec<Flow> = (1..=5)
        .map(|last| {
            flow(
                outside(PeerClass::World, &format!("203.0.113.{last}")),
                end("app=web"),
                443,
            )
        })
        .collect();
    flows.push(flow(outside(PeerClass::Host, "127.0.0.1"), end("app=web"), 443));
    flows.extend((1..=20).map(|at| flow(end("app=web"), end("app=db"), 5000 + at * at)));
    let learned = all(&flows, &[]);
    let policy = &learned.policies[1];
    let [both] = &policy.ingress[..] else {
        panic!("{policy:#?}")
    };
    assert_eq!(both.peers.len(), 2);
    let said: Vec<&String> = policy.peers().flat_map(|peer| &peer.generalised).collect();
    assert_eq!(
        said[0],
        "everything unprotected on this host instead of 127.0.0.1"
    );
    assert_eq!(
        said[1],
        "the whole world instead of 203.0.113.1, 203.0.113.2, 203.0.113.3 and 2 more"
    );
    assert_eq!(said[2], "ports 5001-5169/tcp as one range, 13 of 169 seen");
    assert_eq!(policy.egress[0].ports.len(), 8);
    assert_eq!(both.peers[1].risks, ["the world reaches it"]);
    assert_eq!(
        policy.risks,
        ["it reached 20 ports of db: a scan looks like that"]
    );
    text(&learned, "web");
}

#[test]
fn metadata_and_a_scan_of_the_lan_are_marked() {
    let mut flows: Vec<Flow> = (1..=16)
        .map(|last| {
            flow(
                end("app=web"),
                outside(PeerClass::Lan, &format!("10.0.0.{last}")),
                22,
            )
        })
        .collect();
    flows.push(flow(
        end("app=web"),
        outside(PeerClass::Metadata, "169.254.169.254"),
        80,
    ));
    let text = text(&all(&flows, &[]), "web");
    assert!(
        text.contains("# RISK: it reached port 22/tcp of 16 addresses (lan): a scan looks like that\n"),
        "{text}"
    );
    assert!(text.contains("# RISK: the metadata service gives"), "{text}");
    assert!(
        text.contains("- ipBlock: {cidr: \"169.254.169.254/32\"}\n"),
        "{text}"
    );
    assert!(
        text.contains("# GENERALISED: the whole LAN instead of 10.0.0.1, 10.0.0.10, 10.0.0.11 and 13 more\n"),
        "{text}"
    );
}

#[test]
fn selectors_are_the_smallest_that_tell() {
    let others = [
        workload("a", "app=web,env=dev"),
        workload("b", "app=web,env=prod"),
        workload("c", "app=web"),
        workload("d", "app=db,env=dev,tier=data"),
    ];
    let known = selector::Known::new(Seen {
        there: &others,
        ..Seen::default()
    });
    let shown = |at: usize| {
        let found = known.selector(&selector::Key::of(&others[at])).expressions;
        found
            .iter()
            .map(|one| format!("{} {:?} {}", one.key, one.operator, one.values.join(",")))
            .collect::<Vec<String>>()
    };
    assert_eq!(shown(0), ["app In web", "env In dev"]);
    assert_eq!(shown(1), ["env In prod"]);
    assert_eq!(shown(2), ["app In web", "env DoesNotExist "]);
    assert_eq!(shown(3), ["app In db"]);
}

#[test]
fn what_no_rule_can_say_is_left_out_and_told() {
    let mut odd = flow(end("app=web"), end("app=db"), 5432);
    odd.protocol = Protocol::SCTP;
    let mut plain = workload("plain", "");
    plain.visible.clear();
    let flows = [odd, flow(End::Workload(plain), end("app=db"), 5432)];
    let learned = all(&flows, &[]);
    let said: Vec<String> = learned
        .left_out
        .iter()
        .map(|one| {
            format!(
                "{} -> {} {} ({}): {}",
                one.from, one.to, one.what, one.times, one.why
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            "plain -> db 5432/tcp (2): plain has no label by which a policy could select it",
            "web -> db 5432/sctp (2): rules are about TCP, UDP and ICMP only",
        ]
    );
    // It is still let in: by what it lacks.
    assert!(
        text(&learned, "db").contains("{key: app, operator: DoesNotExist}"),
        "{}",
        text(&learned, "db")
    );
}

#[test]
fn no_label_breaks_out_of_the_text() {
    let odd = "app=a\"b\\\n# \u{85}\u{202e}ü: {x}";
    let mut web = workload("web", "app=x");
    web.identity = [("app".to_owned(), odd.to_owned())].into();
    web.visible = web.identity.clone();
    web.name = "web\nkind: Evil".to_owned();
    let learned = all(&[flow(End::Workload(web), end("app=db"), 1)], &[]);
    for policy in &learned.policies {
        let text = policy.yaml();
        let read = documents::parse("x.yaml", text.as_bytes()).unwrap();
        assert_eq!(read[0].subject.pods, policy.selector, "{text}");
    }
}

#[test]
fn words_that_yaml_takes_for_something_else_are_quoted() {
    for value in ["true", "5432", "1e3", "~", "", "no", "0x10", "web"] {
        let mut web = workload("web", "app=x");
        web.identity = [("app".to_owned(), value.to_owned())].into();
        web.visible = web.identity.clone();
        let learned = all(&[flow(End::Workload(web), end("app=db"), 1)], &[]);
        learned.policies.iter().for_each(|policy| {
            let read = documents::parse("x.yaml", policy.yaml().as_bytes()).unwrap();
            assert_eq!(read[0].subject.pods, policy.selector, "{value:?}");
        });
    }
}

#[test]
fn whoever_was_only_refused_gets_a_policy_that_allows_nothing() {
    let passed = [flow(end("app=web"), end("app=db"), 5432)];
    let refused = [flow(end("app=web"), end("app=vault"), 8200)];
    let seen = Seen {
        passed: &passed,
        refused: &refused,
        there: &[],
    };
    let learned = learn(seen, Limits::default(), |_| true);
    let vault = text(&learned, "vault");
    assert!(
        vault.contains("# Refused then, and not allowed here: 2\n"),
        "{vault}"
    );
    assert!(
        vault.contains("# RISK: nothing was seen to pass, so everything is denied\n"),
        "{vault}"
    );
    assert!(vault.contains("  ingress: []\n  egress: []\n"), "{vault}");
    assert!(!text(&learned, "web").contains("8200"));
}

/// Else a container that nobody meant to protect would be.
#[test]
fn whoever_lacks_every_label_is_selected_only_where_all_who_do_are_protected() {
    let mut plain = workload("plain", "");
    let flows = [flow(End::Workload(plain.clone()), end("app=db"), 5432)];
    let listed = [workload("db", "app=db"), plain.clone()];
    let learned = all(&flows, &listed);
    assert_eq!(learned.left_out, []);
    let text = text(&learned, "plain");
    assert!(
        text.contains("# GENERALISED: it selects whoever has none of these labels in the namespace\n"),
        "{text}"
    );
    assert!(
        text.contains("name: learned\n") && text.contains("{key: app, operator: DoesNotExist}\n"),
        "{text}"
    );
    plain.name = "other".to_owned();
    plain.protected = false;
    let learned = all(&flows, &[&listed[..], &[plain]].concat());
    assert_eq!(learned.policies.len(), 1);
    assert_eq!(
        learned.left_out[0].why,
        "plain has no label by which a policy could select it"
    );
}
