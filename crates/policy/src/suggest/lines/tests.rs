//! Each line is added where it says, as a user would, and then the attempt is allowed, and nobody else's is.

use crate::{
    Action, Attempt, End, Identity, Labels, Peer, Protocol, Subject, World, compile, decide, documents,
};

use super::super::{Remedy, suggest, suggestions};

/// 1 to 3 are `app=web`, `app=db`, `app=cron` of `shop`, 4 is `app=web` of `other`, 5 is `app='1, x'` of `shop`.
fn world(policies: &str) -> World {
    let mut world = World::default();
    let who = [
        ("shop", "web"),
        ("shop", "db"),
        ("shop", "cron"),
        ("other", "web"),
        ("shop", "1, x"),
    ];
    for (number, (namespace, app)) in (1..).zip(who) {
        let labels = Labels::from([("app".to_owned(), app.to_owned())]);
        world.identities.push(Identity {
            number: Peer(255 + number),
            namespace: namespace.to_owned(),
            identity_labels: labels.clone().into(),
            labels: labels.into(),
            named_ports: Vec::new(),
        });
        world.subjects.push(Subject {
            number,
            identity: Peer(255 + number),
            openings: Vec::new(),
            profile: None,
        });
    }
    world.documents = read(policies);
    world
}

fn read(policies: &str) -> Vec<std::sync::Arc<crate::Document>> {
    documents::parse("policies.yaml", policies.as_bytes())
        .unwrap_or_else(|mistakes| panic!("{mistakes:?}\n{policies}"))
}

fn attempt(from: End, to: End, protocol: Protocol, port: u16) -> Attempt {
    let address = |end| match end {
        End::Address(address) => Some(address),
        _ => None,
    };
    Attempt {
        from,
        to,
        protocol,
        port,
        from_address: address(from),
        to_address: address(to),
    }
}

fn address(text: &str) -> End {
    End::Address(text.parse().unwrap())
}

/// Adds what is suggested to the text of the policies.
fn follow(policies: &str, attempt: &Attempt) -> String {
    let mut text = policies.to_owned();
    for suggestion in suggestions(&world(policies), attempt) {
        match suggestion.remedy {
            Remedy::Label(item) => panic!("a label: {item}"),
            Remedy::Document(document) => text = format!("{text}\n---\n{document}\n"),
            Remedy::Rule { place, line } => {
                let list = place
                    .strip_prefix("below `")
                    .map(|rest| rest.split('`').next().unwrap());
                let at = match list {
                    Some(list) => {
                        let head = format!("  {list}:\n");
                        text.find(&head).expect(&place) + head.len()
                    }
                    None => {
                        let number: usize = place
                            .rsplit(':')
                            .next()
                            .unwrap()
                            .trim_end_matches(')')
                            .parse()
                            .unwrap();
                        text.split_inclusive('\n').take(number - 1).map(str::len).sum()
                    }
                };
                text.insert_str(at, &format!("  {line}\n"));
            }
        }
    }
    text
}

/// What is suggested for a denial, once it was seen that it allows that and no more.
fn suggested(policies: &str, attempt: Attempt) -> String {
    let before = world(policies);
    assert_eq!(decide(&before, &attempt).action, Action::Deny);
    let after = world(&follow(policies, &attempt));
    assert!(compile(&after).is_ok());
    assert_eq!(
        decide(&after, &attempt).action,
        Action::Allow,
        "{:?}",
        suggest(&before, &attempt)
    );
    for from in
        (1..=5)
            .map(End::Subject)
            .chain([address("127.0.0.1"), address("10.0.0.1"), address("1.1.1.1")])
    {
        for to in (1..=5).map(End::Subject) {
            for port in [1, attempt.port] {
                let other = super::tests::attempt(from, to, attempt.protocol, port);
                if (from, to, port) != (attempt.from, attempt.to, attempt.port) {
                    let verdicts = [&before, &after].map(|world| decide(world, &other).action);
                    assert_eq!(
                        verdicts[0],
                        verdicts[1],
                        "{other:?} after {:?}",
                        suggest(&before, &attempt)
                    );
                }
            }
        }
    }
    suggest(&before, &attempt).unwrap()
}

const DB: &str = "apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - {from: [{podSelector: {matchLabels: {app: cron}}}], ports: [{port: 5432}]}
";
const EVERYBODY: &str = "apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: nobody, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
";
const ADMIN: &str = "apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: guard}
spec:
  tier: Admin
  priority: 7
  subject: {namespaces: {}}
  ingress:
  - {action: Deny, from: [{workloads: {}}, {lan: {}}]}
";

#[test]
fn a_policy_that_selects_few_gets_a_rule() {
    let open = DB
        .replace("ingress", "egress")
        .replace("name: db", "name: web")
        .replace("app: db", "app: web")
        .replace("from", "to");
    let web = End::Subject(1);
    assert_eq!(
        suggested(
            &format!("{DB}---\n{open}").replace("app: cron", "app: db"),
            attempt(web, End::Subject(2), Protocol::TCP, 80)
        ),
        "rule below `egress` of shop/web (policies.yaml:9): - {to: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: 80}]}; \
         rule below `ingress` of shop/db (policies.yaml:1): - {from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 80}]}"
    );
    for (peer, rule) in [
        (address("127.0.0.1"), "from: [{host: {}}]"),
        (address("10.0.0.1"), "from: [{lan: {}}]"),
        (address("1.1.1.1"), "from: [{world: {}}]"),
    ] {
        let line = suggested(DB, attempt(peer, End::Subject(2), Protocol::UDP, 53));
        assert_eq!(
            line,
            format!(
                "rule below `ingress` of shop/db (policies.yaml:1): - {{{rule}, ports: [{{protocol: UDP, port: 53}}]}}"
            )
        );
    }
    for (peer, rule) in [
        ("10.0.0.1", "to: [{ipBlock: {cidr: \"10.0.0.1/32\"}}]"),
        ("fd00::1", "to: [{ipBlock: {cidr: \"fd00::1/128\"}}]"),
        ("169.254.169.254", "to: [{metadata: {}}]"),
    ] {
        let line = suggested(&open, attempt(web, address(peer), Protocol::TCP, 443));
        assert!(
            line.ends_with(&format!("- {{{rule}, ports: [{{port: 443}}]}}")),
            "{line}"
        );
    }
    let ping = suggested(&open, attempt(web, address("10.0.0.1"), Protocol::ICMP, 8));
    assert!(ping.ends_with("ports: [{protocol: ICMP}]}"), "{ping}");
}

#[test]
fn a_policy_that_selects_everybody_gets_one_beside_it() {
    assert_eq!(
        suggested(
            EVERYBODY,
            attempt(address("1.1.1.1"), End::Subject(1), Protocol::TCP, 443)
        ),
        "policy: {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: web-from-world-443, namespace: shop}, \
         spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], ingress: [{from: [{world: {}}], ports: [{port: 443}]}]}}"
    );
    suggested(
        EVERYBODY,
        attempt(End::Subject(1), End::Subject(2), Protocol::TCP, 443),
    );
    suggested(
        EVERYBODY,
        attempt(End::Subject(5), End::Subject(3), Protocol::SCTP, 9),
    );
    suggested(
        EVERYBODY,
        attempt(End::Subject(3), address("fd00::7"), Protocol::UDP, 53),
    );
}

#[test]
fn what_a_cluster_policy_denies_is_allowed_before_it() {
    let line = suggested(
        ADMIN,
        attempt(address("10.0.0.1"), End::Subject(4), Protocol::TCP, 22),
    );
    assert_eq!(
        line,
        "policy: {apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: web-from-lan-22}, \
         spec: {tier: Admin, priority: 6, subject: {pods: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: other}}, \
         podSelector: {matchLabels: {app: web}}}}, ingress: [{action: Accept, from: [{lan: {}}], \
         protocols: [{tcp: {destinationPort: {number: 22}}}]}]}}"
    );
    let baseline = ADMIN.replace("Admin", "Baseline");
    suggested(
        &baseline,
        attempt(address("10.0.0.1"), End::Subject(4), Protocol::UDP, 53),
    );
    // Nothing is before the first of all but another rule of it.
    let first = ADMIN
        .replace("priority: 7", "priority: 0")
        .replace("namespaces: {}", "pods: {podSelector: {matchLabels: {app: db}}}");
    let line = suggested(
        &first,
        attempt(address("10.0.0.1"), End::Subject(2), Protocol::TCP, 22),
    );
    assert_eq!(
        line,
        "rule before guard/ingress[0] (policies.yaml:9): - {action: Accept, from: [{lan: {}}], \
         protocols: [{tcp: {destinationPort: {number: 22}}}]}"
    );
}

#[test]
fn what_no_label_can_say_is_a_policy_before_the_profile() {
    let line = suggested("", attempt(End::Subject(1), End::Subject(4), Protocol::TCP, 80));
    assert_eq!(line.matches("policy: {").count(), 2, "{line}");
    assert!(line.contains("tier: Baseline, priority: 1000"), "{line}");
    let line = suggested("", attempt(End::Subject(5), End::Subject(4), Protocol::TCP, 80));
    assert!(
        line.contains("{matchLabels: {app: \"1, x\"}}") && line.contains("name: 1-x-to-web-80"),
        "{line}"
    );
}

#[test]
fn a_denial_that_is_only_observed_is_told_too() {
    let observed = format!("{DB}  observe: true\n");
    let attempt = attempt(address("127.0.0.1"), End::Subject(2), Protocol::TCP, 80);
    let mut profile = world(&observed);
    profile.profile = crate::DefaultProfile::Allow;
    assert!(decide(&profile, &attempt).observed);
    let line = suggest(&profile, &attempt).unwrap();
    assert!(line.starts_with("rule below `ingress` of shop/db"), "{line}");
}
