//! The ClusterNetworkPolicy probes of kubernetes-sigs/network-policy-api, in the reference and in the compiled policy.
//!
//! Mutations of a manifest are given as upstream's Go line; [`mutate`] says each as data. Without exception: every probe
//! is run. Two things are read differently: a node is this host (there is one), and where upstream deletes the
//! NetworkPolicy between two subtests without a line that says so, [`Cluster::begin`] does.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conformance;

use std::collections::BTreeMap;
use std::net::IpAddr;

use cofferdam_policy::documents::{NetPeer, Rule, RulePeer, RulePort, Tier, parse};
use cofferdam_policy::{
    Action, Attempt, DefaultProfile, Effect, End, IDENTITY_MIN, Identity, Labels, NamedPort, Peer, Protocol,
    RuleText, Subject, World, compile, decide,
};
use serde_json::Value;

const PREFIX: &str = "network-policy-conformance-";
/// House, and the first name of both its pods.
const HOUSES: [(&str, &str); 4] = [
    ("gryffindor", "harry-potter"),
    ("slytherin", "draco-malfoy"),
    ("hufflepuff", "cedric-diggory"),
    ("ravenclaw", "luna-lovegood"),
];
const FIRST_HOST_PORT: u16 = 34_340;

struct Cluster {
    world: World,
    pods: BTreeMap<String, (u32, IpAddr)>,
}

impl Cluster {
    fn new() -> Self {
        let (mut world, mut pods) = (World::default(), BTreeMap::new());
        world.profile = DefaultProfile::Allow;
        for (number, (house, pod)) in (1..).zip(HOUSES) {
            let label = Labels::from([("conformance-house".to_owned(), house.to_owned())]);
            world.namespaces.insert(format!("{PREFIX}{house}"), label.clone());
            let port = |name: &str, protocol, port| NamedPort {
                name: name.to_owned(),
                protocol,
                port,
            };
            let identity = Peer(IDENTITY_MIN + number);
            world.identities.push(Identity {
                number: identity,
                namespace: format!("{PREFIX}{house}"),
                identity_labels: std::sync::Arc::default(),
                labels: label.into(),
                named_ports: vec![port("web", Protocol::TCP, 80), port("dns", Protocol::UDP, 53)],
            });
            world.subjects.push(Subject {
                number,
                identity,
                openings: Vec::new(),
                profile: None,
            });
            for index in 0..2_u8 {
                let address = IpAddr::from([10, 244, u8::try_from(number).unwrap(), index + 10]);
                pods.insert(format!("{pod}-{index}"), (number, address));
            }
        }
        Self { world, pods }
    }

    fn load(&mut self, manifest: &str) {
        let mut text = manifest.to_owned();
        for index in 0..8_u16 {
            let marker = format!("{{{{ index .HostNetworkPorts {index} }}}}");
            text = text.replace(&marker, &(FIRST_HOST_PORT + index).to_string());
        }
        let parsed = parse("manifest.yaml", text.as_bytes());
        self.world.documents = parsed.unwrap_or_else(|found| panic!("{}", found[0]));
    }

    /// What upstream does at the start of a subtest beside the lines that are given.
    fn begin(&mut self, subtest: &str) {
        if subtest.ends_with("respect the match for baseline cluster network policy") {
            self.world
                .documents
                .retain(|document| document.tier != Tier::NetworkPolicy);
        }
    }

    /// The policy that a test changes: the one that its lines are about.
    fn changed(&mut self) -> &mut cofferdam_policy::Document {
        let documents = &mut self.world.documents;
        let at = documents
            .iter()
            .position(|document| document.name.starts_with("old-priority"));
        std::sync::Arc::make_mut(&mut documents[at.unwrap_or(0)])
    }

    fn rules(&mut self, direction: &str) -> &mut Vec<Rule> {
        let document = self.changed();
        let rules = if direction == "Egress" {
            &mut document.egress
        } else {
            &mut document.ingress
        };
        rules.as_mut().unwrap()
    }

    fn mutate(&mut self, test: &str, line: &str) {
        let direction = if line.contains("Egress") {
            "Egress"
        } else {
            "Ingress"
        };
        let indexes: Vec<usize> = line
            .split('[')
            .skip(1)
            .map(|part| part.split(']').next().unwrap().parse().unwrap_or(usize::MAX))
            .collect();
        if line.contains("PatchNamespace") {
            // There and back: the label that selects it goes, and returns.
            let labels = self
                .world
                .namespaces
                .get_mut(&format!("{PREFIX}slytherin"))
                .unwrap();
            let value = labels.get_mut("conformance-house").unwrap();
            let next = if value == "slytherin" {
                "changed"
            } else {
                "slytherin"
            };
            next.clone_into(value);
        } else if line.starts_with("mutate.Spec.Priority") {
            self.changed().priority = 40;
        } else if line.contains(".Action = ") {
            self.rules(direction)[indexes[0]].effect = Effect::Pass;
        } else if line.contains("append(newRule") {
            let net = |pod: &str| {
                let net = self.pods[pod].1.into();
                RulePeer::Net(NetPeer {
                    net,
                    except: Vec::new(),
                })
            };
            let peers = vec![net("luna-lovegood-0"), net("cedric-diggory-0")];
            let text = RuleText {
                name: "allow".to_owned(),
                source: "test".to_owned(),
            };
            let rule = Rule {
                text,
                effect: Effect::Allow,
                peers,
                ports: Vec::new(),
            };
            self.rules(direction).insert(0, rule);
        } else if let ([to, from], true) = (&indexes[..], line.starts_with("mutate.Spec.")) {
            self.rules(direction).swap(*to, *from);
        } else if test.ends_with("NamedPort") && line.starts_with("mutate.Spec.") {
            let rule = &mut self.rules(direction)[indexes[0]];
            let is_udp = matches!(&rule.ports[0], RulePort::Range(range) if range.protocol == Protocol::UDP);
            let name = if is_udp { "dns" } else { "web" };
            rule.ports = vec![RulePort::Named(Protocol::ANY, name.to_owned())];
        } else {
            // `x := …` and `Patch…`: the other half of a swap, and its delivery.
            assert!(
                line.contains(":=") || line.contains("Patch") || line.ends_with("Rule"),
                "{line}"
            );
        }
    }

    fn probe(&self, from: &str, to: (End, Option<IpAddr>), proto: &str, port: u16) -> Result<bool, String> {
        let (number, address) = self.pods[from];
        let attempt = Attempt {
            from: End::Subject(number),
            to: to.0,
            protocol: match proto {
                "tcp" => Protocol::TCP,
                "udp" => Protocol::UDP,
                _ => Protocol::SCTP,
            },
            port,
            from_address: Some(address),
            to_address: to.1,
        };
        let verdict = decide(&self.world, &attempt);
        let compiled = compile(&self.world).unwrap();
        let other = compiled.verdict(&self.world, &attempt);
        if verdict != other {
            return Err(format!("{attempt:?}: reference {verdict:?}, compiled {other:?}"));
        }
        Ok(verdict.action == Action::Allow)
    }
}

/// Which pod an upstream expression stands for, where it is not the one that is named.
fn destination(to: &str, expression: &str) -> String {
    let index = to.rsplit('-').next().unwrap();
    match expression {
        "serverPodRavenclaw.Status.PodIP" => format!("luna-lovegood-{index}"),
        "serverPodHufflepuff.Status.PodIP" => format!("cedric-diggory-{index}"),
        _ => to.to_owned(),
    }
}

fn pod(name: &Value) -> String {
    name.as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

/// `PokeServer(…, "POD", "PROTOCOL", …, int32(s.HostNetworkPorts[N]), …, EXPECTED)`.
fn unparsed(line: &str) -> (String, String, u16, bool) {
    let words: Vec<&str> = line.split('"').collect();
    let port = line.split("HostNetworkPorts[").nth(1).unwrap();
    let index: u16 = port.split(']').next().unwrap().parse().unwrap();
    let allowed = line
        .split(')')
        .rev()
        .find(|part| part.contains("true") || part.contains("false"));
    (
        words[3].to_owned(),
        words[5].to_owned(),
        FIRST_HOST_PORT + index,
        allowed.unwrap().contains("true"),
    )
}

/// G-CONFORMANCE
#[test]
fn every_probe_agrees() {
    let Some(text) = conformance::read("clusternetworkpolicy.json") else {
        return;
    };
    let data: Value = serde_json::from_str(&text).unwrap();
    let (mut probes, mut wrong) = (0, Vec::new());
    for test in data["tests"].as_array().unwrap() {
        let name = test["name"].as_str().unwrap();
        let manifest = |file: &str| data["manifests"][format!("conformance/{file}")].as_str().unwrap();
        let mut cluster = Cluster::new();
        cluster.load(manifest(test["manifests"][0].as_str().unwrap()));
        for subtest in test["subtests"].as_array().unwrap() {
            let title = subtest["name"].as_str().unwrap();
            cluster.begin(title);
            for step in subtest["steps"].as_array().unwrap() {
                let (found, allowed) = if let Some(line) = step["mutate"].as_str() {
                    cluster.mutate(name, line);
                    continue;
                } else if let Some(line) = step["poke_unparsed"].as_str() {
                    // The node peers have a manifest of their own.
                    let tier = if name.contains("Admin") {
                        "admin"
                    } else {
                        "baseline"
                    };
                    cluster.load(manifest(&format!(
                        "base/{tier}_tier/experimental-egress-selector-rules.yaml"
                    )));
                    let (from, proto, port, allowed) = unparsed(line);
                    let host = End::Address("192.168.7.1".parse().unwrap());
                    cluster.world.prefixes = vec![(
                        "192.168.7.1/32".parse().unwrap(),
                        cofferdam_policy::PeerClass::Host,
                    )];
                    (cluster.probe(&from, (host, None), &proto, port), allowed)
                } else {
                    let poke = &step["poke"];
                    let to = destination(&pod(&poke["to"]), poke["dst_expr"].as_str().unwrap_or_default());
                    let (number, address) = cluster.pods[&to];
                    let port = u16::try_from(poke["port"].as_u64().unwrap()).unwrap();
                    let to = (End::Subject(number), Some(address));
                    let found = cluster.probe(&pod(&poke["from"]), to, poke["proto"].as_str().unwrap(), port);
                    (found, poke["allowed"].as_bool().unwrap())
                };
                probes += 1;
                if found != Ok(allowed) {
                    wrong.push(format!("{name}, {title}: {step}: {found:?}"));
                }
            }
        }
    }
    println!("probes {probes} disagree {}", wrong.len());
    assert_eq!((probes, wrong.len()), (301, 0), "{}", wrong.join("\n"));
}
