//! The scenario table on the second and the third engine: the compiled decision in the kernel, and real sockets between
//! real cgroups and network namespaces.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use cofferdam_datapath::{Decider, Entry, netns_cookie};
use cofferdam_policy::scenario::{Case, Engine, Network, Scenario};
use cofferdam_policy::{Action, Compiled, End, PeerClass, Protocol, Reason, Step, Verdict, compile};

mod support;

use support::net::{BRIDGE, HOST_LAN, Net};
use support::{Stage, ask_in, peer, serve_in};

#[test]
fn peer_process() {
    if let Ok(words) = std::env::var(peer::WORDS) {
        peer::play(&words);
    }
}

fn scenarios() -> Vec<(String, Scenario)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios");
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().flatten() {
        if entry.path().extension().is_some_and(|e| e == "toml") {
            let name = entry.file_name().to_string_lossy().into_owned();
            found.push((
                name,
                Scenario::parse(&fs::read_to_string(entry.path()).unwrap()).unwrap(),
            ));
        }
    }
    assert!(found.len() >= 5, "the scenario table is missing");
    found
}

/// G-ENGINES: what the reference says, the kernel's compiled decision says.
#[test]
fn root_scenarios_in_the_compiled_decision() {
    let mut decider = Decider::open().unwrap();
    let (mut failed, mut ran) = (Vec::new(), 0);
    for (file, scenario) in scenarios() {
        let compiled = compile(&scenario.world).unwrap();
        decider.load(&compiled).unwrap();
        for case in scenario.cases_for(Engine::Compiled) {
            let verdict = compiled.verdict_by(&scenario.world, &case.attempt, |q| {
                decider.decide(&q).unwrap().verdict
            });
            ran += 1;
            failed.extend(
                case.check(&verdict, &compiled.rules)
                    .err()
                    .map(|e| format!("{file}: {e}")),
            );
        }
    }
    println!("{ran} attempts");
    assert!(failed.is_empty() && ran > 50, "{}", failed.join("\n"));
}

/// G-ENGINES: and so do real sockets.
#[test]
fn root_scenarios_on_real_sockets() {
    let (mut failed, mut ran) = (Vec::new(), 0);
    for (file, scenario) in scenarios() {
        let mut host = Host::new(&scenario);
        for case in scenario.cases_for(Engine::Sockets) {
            let found = host.attempt(&scenario, case);
            ran += 1;
            failed.extend(
                case.check(&found, &host.compiled.rules)
                    .err()
                    .map(|e| format!("{file}: {e}")),
            );
        }
    }
    println!("{ran} attempts");
    assert!(failed.is_empty() && ran > 50, "{}", failed.join("\n"));
}

/// Where somebody lives.
struct Home {
    netns: PathBuf,
    cgroup: PathBuf,
    /// Addresses by family, IPv4 first.
    addresses: [IpAddr; 2],
    /// Beyond the host: dials from its own address, and is not under our hooks.
    outside: bool,
}

struct Host {
    homes: BTreeMap<String, Home>,
    compiled: Compiled,
    stage: Stage,
    outside: PathBuf,
    // Last, so that the namespaces go after everything that is in them.
    net: Net,
}

impl Drop for Host {
    fn drop(&mut self) {
        fs::remove_dir(&self.outside).ok();
    }
}

impl Host {
    fn new(scenario: &Scenario) -> Self {
        let net = Net::new();
        let stage = Stage::inside(&net.path("host"));
        let mut outside = stage.root.clone().into_os_string();
        outside.push("-outside");
        let outside = PathBuf::from(outside);
        fs::create_dir(&outside).unwrap();
        let mut world = scenario.world.clone();
        for bridge in ["172.17.0.0/16", "fd17::/64"] {
            world
                .prefixes
                .insert(0, (bridge.parse().unwrap(), PeerClass::Host));
        }
        let compiled = compile(&world).unwrap();
        let mut host = Self {
            homes: BTreeMap::new(),
            compiled,
            stage,
            outside,
            net,
        };
        host.install_policy();
        host.add_workloads(scenario);
        for (name, stranger) in &scenario.strangers {
            host.add_stranger(name, stranger.address);
        }
        host.tell_addresses(scenario);
        host
    }

    fn install_policy(&mut self) {
        let c = &self.compiled;
        let steps: Vec<Step> = (c.ports.iter().map(|(k, v)| Step::SetPort(*k, *v)))
            .chain(c.rows.iter().map(|(k, v)| Step::SetRow(*k, *v)))
            .chain(c.prefixes.iter().map(|(k, v)| Step::SetPrefix(*k, *v)))
            .collect();
        self.stage.datapath().apply(&steps).unwrap();
        assert_eq!(
            self.stage.datapath().compiled().unwrap().rows,
            self.compiled.rows,
            "read back"
        );
    }

    fn add_workloads(&mut self, scenario: &Scenario) {
        let parent = self.stage.folder("docker");
        self.stage.datapath().watch_parent(&parent).unwrap();
        for (number, (name, workload)) in (1..).zip(&scenario.workloads) {
            let cgroup = match workload.end {
                End::Pending => self.stage.folder(&format!("docker/{}", "c".repeat(64))),
                _ => self.stage.folder(name),
            };
            if let End::Subject(subject) = workload.end {
                let identity = scenario
                    .world
                    .subjects
                    .iter()
                    .find(|s| s.number == subject)
                    .unwrap()
                    .identity;
                let entry = Entry {
                    workload: number,
                    identity,
                    subject,
                    observe: false,
                    contained: false,
                    moved: false,
                    on_host: false,
                };
                self.stage.datapath().bind(&cgroup, &entry).unwrap();
            }
            let (netns, addresses) = match workload.network {
                Network::Host => (self.net.path("host"), BRIDGE.map(|a| a.parse().unwrap())),
                Network::Own => self.net.add_container(workload.address),
            };
            self.homes.insert(
                name.clone(),
                Home {
                    netns,
                    cgroup,
                    addresses,
                    outside: false,
                },
            );
        }
    }

    fn add_stranger(&mut self, name: &str, address: IpAddr) {
        let here = self.compiled.classify(address).class == PeerClass::Host;
        let (ns, cgroup) = if here {
            ("host", self.stage.folder("strangers"))
        } else {
            ("lan", self.outside.clone())
        };
        if here && !address.is_loopback() {
            self.net.add_host_address(address);
        } else if !here && !address.is_multicast() {
            self.net.add_stranger(address);
        }
        let home = Home {
            netns: self.net.path(ns),
            cgroup,
            addresses: [address; 2],
            outside: !here,
        };
        self.homes.insert(name.to_owned(), home);
    }

    fn tell_addresses(&mut self, scenario: &Scenario) {
        let cookie = |path: &Path| netns_cookie(&fs::File::open(path).unwrap()).unwrap();
        let host = cookie(&self.net.path("host"));
        let own = HOST_LAN.iter().chain(&BRIDGE).map(|a| (a.parse().unwrap(), host));
        let mut all: Vec<(IpAddr, u64)> = own.collect();
        for (name, home) in self.homes.iter().filter(|(_, h)| !h.outside) {
            let loopback = home.addresses[0].is_loopback();
            if !loopback && (scenario.workloads.contains_key(name) || scenario.strangers.contains_key(name)) {
                all.extend(home.addresses.map(|a| (a, cookie(&home.netns))));
            }
        }
        self.stage.datapath().set_namespace_addresses(&all).unwrap();
    }

    /// A container waits for its labels for some seconds only, and a slow machine spends them on the attempts before.
    fn restart(&mut self, name: &str) {
        self.stage.datapath().heartbeat().unwrap();
        let cgroup = &self.homes[name].cgroup;
        fs::remove_dir(cgroup).unwrap();
        fs::create_dir(cgroup).unwrap();
    }

    /// What happened, told from the caller's result and the flow record.
    fn attempt(&mut self, scenario: &Scenario, case: &Case) -> Verdict {
        for name in [&case.from, &case.to] {
            if is_pending(scenario, name) {
                self.restart(name);
            }
        }
        let (from, to) = (&self.homes[&case.from], &self.homes[&case.to]);
        let dial = case.dial.unwrap_or_else(|| dialled(from, to, case.to == "host"));
        let kind = if case.attempt.protocol == Protocol::TCP {
            "tcp"
        } else {
            "udp"
        };
        let any = if dial.is_ipv4() { "0.0.0.0" } else { "::" };
        // A datagram's answer must come from the address that was asked, and the LAN has many.
        let listen = if to.outside { dial } else { any.parse().unwrap() };
        let listen = case.listen.unwrap_or(listen);
        let at = SocketAddr::new(listen, case.attempt.port);
        let server = (!dial.is_multicast())
            .then(|| serve_in(&to.netns, &to.cgroup, &format!("{kind}-serve"), &at.to_string()));
        let target = SocketAddr::new(dial, case.attempt.port);
        let words = if from.outside {
            format!("{kind}-from {} {target}", SocketAddr::new(from.addresses[0], 0))
        } else {
            format!("{kind} {target}")
        };
        self.stage.flows();
        let (from_netns, from_cgroup) = (from.netns.clone(), from.cgroup.clone());
        let outcome = ask_in(&from_netns, &from_cgroup, &words);
        drop(server);
        let flows = self.stage.flows();
        let pending = [&case.from, &case.to].iter().any(|n| is_pending(scenario, n));
        let mut of_port = flows.iter().filter(|f| f.destination.port() == case.attempt.port);
        let denied = of_port.clone().find(|f| f.verdict.action == Action::Deny);
        let told = denied.or_else(|| of_port.next()).map(|f| f.verdict);
        let silent = Verdict {
            action: Action::Allow,
            reason: Reason::Unprotected,
            direction: None,
            rule: 0,
            observed: false,
        };
        let told = match told {
            None if pending => Verdict {
                action: Action::Deny,
                reason: Reason::Pending,
                ..silent
            },
            None => silent,
            Some(verdict) => verdict,
        };
        // Nobody answers multicast here; that it could be sent is the outcome.
        let went = outcome.ok || dial.is_multicast() && !outcome.denied();
        let came = if went { Action::Allow } else { Action::Deny };
        let carried_out = if told.observed { Action::Allow } else { told.action };
        assert_eq!(
            carried_out, came,
            "{words} of {} to {}: {outcome:?} {flows:#?}",
            case.from, case.to
        );
        told
    }
}

fn is_pending(scenario: &Scenario, name: &str) -> bool {
    let workload = scenario.workloads.get(name);
    workload.is_some_and(|w| matches!(w.end, End::Pending))
}

/// The address at which `from` finds `to`.
fn dialled(from: &Home, to: &Home, to_host: bool) -> IpAddr {
    let family = usize::from(from.outside && from.addresses[0].is_ipv6());
    if from.netns == to.netns && (to_host || !to.outside && to.addresses[0].to_string() == BRIDGE[0]) {
        return "127.0.0.1".parse().unwrap();
    }
    if from.outside && to.addresses[0].to_string() == BRIDGE[0] {
        return HOST_LAN[family].parse().unwrap();
    }
    to.addresses[family]
}
