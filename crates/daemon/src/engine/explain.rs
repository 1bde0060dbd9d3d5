//! `cofferdam explain`: from words to an attempt, from a verdict to words. The reference verdict is the policy crate's.

use std::net::IpAddr;

use cofferdam_api as api;
use cofferdam_api::{Code, ExplainRequest, ExplainResponse, Problem, RuleView, VERSION};
use cofferdam_policy::{Action, Attempt, Direction, End, Mode, PeerClass, Protocol, explain, suggest};

use super::Engine;
use crate::flows::reason_name;
use crate::resolve::{Place, Placement};

// === impl Engine ===

impl Engine {
    pub(super) fn explain(&self, request: &ExplainRequest) -> Result<ExplainResponse, Problem> {
        let (from, from_observed) = self.party(&request.from)?;
        let (to, to_observed) = self.party(&request.to)?;
        let protocol = protocol_of(&request.protocol)?;
        let port = self.known_port(&request.to, to, protocol, request.port);
        let attempt = Attempt {
            from,
            to,
            protocol,
            port,
            from_address: self.address_of(from),
            to_address: self.address_of(to),
        };
        let explanation = explain(&self.resolved.world, &attempt);
        let verdict = explanation.verdict;
        let observed = match verdict.direction {
            Some(Direction::Egress) => from_observed,
            Some(Direction::Ingress) => to_observed,
            None => self.config.mode == Mode::Observe,
        };
        Ok(ExplainResponse {
            version: VERSION,
            verdict: verdict.action.into(),
            reason: reason_name(verdict.reason),
            rule: explanation.rule.as_ref().map(|rule| RuleView {
                name: rule.name.clone(),
                source: rule.source.clone(),
            }),
            direction: verdict.direction.map(Into::into),
            observed: observed && verdict.action == Action::Deny,
            allow_with: suggest(&self.resolved.world, &attempt),
            text: match port == request.port {
                true => explanation.to_string(),
                false => format!(
                    "{} binds port {port}, which really is {}: rules are about {port}\n{explanation}",
                    request.to, request.port
                ),
            },
        })
    }

    /// What the workload that is reached knows the port by.
    fn known_port(&self, text: &str, to: End, protocol: Protocol, port: u16) -> u16 {
        let End::Subject(subject) = to else {
            return port;
        };
        let mut placements = self.resolved.placements.iter();
        let placement = self
            .find(text)
            .ok()
            .or_else(|| placements.find(|one| one.entry.subject == subject));
        let contained = placement.and_then(|one| one.contained.as_ref());
        contained.map_or(port, |one| one.containment.inside(protocol, port))
    }

    /// A workload's name or id, labels, a class or an address; and whether its denials are only recorded.
    fn party(&self, text: &str) -> Result<(End, bool), Problem> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok((End::Address(address), false));
        }
        if text.contains('=') {
            return self.party_of_labels(text);
        }
        if let Ok(placement) = self.find(text) {
            return Ok(end_of(placement));
        }
        let class = api::Class::ALL
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, class)| (*class).into());
        match class {
            Some(PeerClass::Pending) => Ok((End::Pending, false)),
            Some(class) => match self.example_of(class) {
                Some(address) => Ok((End::Address(address), false)),
                None => Err(Problem::new(
                    Code::Invalid,
                    format!("`{text}` has no address on this host"),
                )),
            },
            None => Err(Problem::new(
                Code::NotFound,
                format!("`{text}` is no workload, class or address"),
            )
            .hint(match self.resembling(text) {
                Some(name) => format!("did you mean `{name}`? `cofferdam ps` lists workloads"),
                None => {
                    "`cofferdam ps` lists workloads; classes are host, lan, metadata, multicast, world".into()
                }
            })),
        }
    }

    /// A container of the compose service with this name: the project stands before it, a number after it.
    fn resembling(&self, text: &str) -> Option<&str> {
        let mut names = self.resolved.placements.iter().map(|one| one.name.as_str());
        names.find(|name| name.replace('_', "-").contains(&format!("-{text}-")))
    }

    fn party_of_labels(&self, text: &str) -> Result<(End, bool), Problem> {
        let has = |one: &&Placement| {
            let pair = |pair: &str| {
                pair.split_once('=')
                    .is_some_and(|(key, value)| one.labels.get(key).is_some_and(|v| v == value))
            };
            one.identity.is_some() && text.split(',').all(pair)
        };
        self.resolved
            .placements
            .iter()
            .find(has)
            .map(end_of)
            .ok_or_else(|| {
                Problem::new(
                    Code::NotFound,
                    format!("no protected workload has the labels {text}"),
                )
                .hint("`cofferdam ps` lists workloads with their labels")
            })
    }

    /// Where a workload is reached on the shortest way: on the host's network over loopback.
    fn address_of(&self, end: End) -> Option<IpAddr> {
        const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
        let End::Subject(number) = end else {
            return None;
        };
        let placements = &self.resolved.placements;
        let placement = placements.iter().find(|one| one.entry.subject == number)?;
        let Place::Container(id, _) = &placement.place else {
            return Some(LOOPBACK);
        };
        let container = self.state.containers.get(id)?;
        if container.host_network {
            return Some(LOOPBACK);
        }
        container.addresses.first().copied()
    }

    /// Any address that has this class here.
    fn example_of(&self, class: PeerClass) -> Option<IpAddr> {
        const CANDIDATES: [&str; 8] = [
            "127.0.0.1",
            "192.168.0.9",
            "10.255.255.254",
            "172.31.255.254",
            "169.254.0.9",
            "169.254.169.254",
            "224.0.0.251",
            "1.1.1.1",
        ];
        let of_class = |address: &IpAddr| self.enforcer.applied().classify(*address).class == class;
        CANDIDATES
            .iter()
            .filter_map(|text| text.parse().ok())
            .find(of_class)
    }
}

/// A stranger's address says no more than that it is on this host.
fn end_of(placement: &Placement) -> (End, bool) {
    match placement.entry.subject {
        0 => (End::Address([127, 0, 0, 1].into()), false),
        subject => (End::Subject(subject), placement.mode == Mode::Observe),
    }
}

fn protocol_of(text: &str) -> Result<Protocol, Problem> {
    match text {
        "tcp" => Ok(Protocol::TCP),
        "udp" => Ok(Protocol::UDP),
        other => other.parse().map(Protocol).map_err(|_| {
            Problem::new(Code::Invalid, format!("`{other}` is no protocol"))
                .hint("tcp, udp, or a number up to 255")
        }),
    }
}
