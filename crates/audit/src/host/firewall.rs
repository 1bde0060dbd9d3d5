//! What the host's firewall does with packets for the host, read from `nft -j list ruleset`, `iptables-save` or
//! `ufw status`. A reading for a report, not a model of netfilter: in doubt it says that nothing is blocked.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{PortRange, Protocol};

/// Which tool made the rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FirewallTool {
    /// No rules of anybody but Docker.
    #[default]
    None,
    /// ufw.
    Ufw,
    /// firewalld.
    Firewalld,
    /// nftables rules of somebody.
    Nftables,
    /// iptables rules of somebody.
    Iptables,
}

/// A port that the firewall lets in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// What carries it.
    pub protocol: Protocol,
    /// Which.
    pub first: u16,
    /// Up to which.
    pub last: u16,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Firewall {
    /// Who made it.
    pub tool: FirewallTool,
    /// Packets for the host itself are dropped unless a rule lets them in.
    pub input_drops: bool,
    /// What it lets in.
    pub accepts: Vec<Accepted>,
    /// Engine 28's rules are there: packets to a container's address from outside are dropped.
    pub direct_drop: bool,
    /// Forwarded packets to containers meet a rule of the user (`DOCKER-USER`) that drops.
    pub forward_drops: bool,
}

// === impl Firewall ===

impl Firewall {
    /// A port of the host itself is open through this firewall.
    pub fn lets_in(&self, protocol: Protocol, port: u16) -> bool {
        !self.input_drops
            || self.accepts.iter().any(|accepted| {
                let range = PortRange {
                    first: accepted.first,
                    last: accepted.last,
                };
                accepted.protocol == protocol && range.contains(port)
            })
    }

    /// Its name in a sentence.
    pub fn name(&self) -> &'static str {
        match self.tool {
            FirewallTool::None => "no firewall",
            FirewallTool::Ufw => "ufw",
            FirewallTool::Firewalld => "firewalld",
            FirewallTool::Nftables => "nftables",
            FirewallTool::Iptables => "iptables",
        }
    }

    /// Reads `nft -j list ruleset`.
    pub fn from_nft(bytes: &[u8]) -> Self {
        let tree: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let mut firewall = Self::default();
        let items = tree["nftables"].as_array().map(Vec::as_slice).unwrap_or_default();
        for chain in items.iter().filter_map(|item| item.get("chain")) {
            firewall.add_chain(chain);
        }
        let inputs: Vec<(&str, &str)> = items
            .iter()
            .filter_map(|item| item.get("chain"))
            .filter(|chain| chain["hook"] == "input")
            .filter_map(|chain| Some((chain["table"].as_str()?, chain["name"].as_str()?)))
            .collect();
        for rule in items.iter().filter_map(|item| item.get("rule")) {
            let place = (
                rule["table"].as_str().unwrap_or_default(),
                rule["chain"].as_str().unwrap_or_default(),
            );
            firewall.add_rule(rule, inputs.contains(&place));
        }
        if firewall.input_drops && firewall.tool == FirewallTool::None {
            firewall.tool = FirewallTool::Nftables;
        }
        firewall
    }

    fn add_chain(&mut self, chain: &Value) {
        let name = chain["name"].as_str().unwrap_or_default();
        let table = chain["table"].as_str().unwrap_or_default();
        if name.starts_with("ufw-") {
            self.tool = FirewallTool::Ufw;
        } else if table == "firewalld" {
            self.tool = FirewallTool::Firewalld;
        }
        if chain["hook"] == "input" && chain["policy"] == "drop" {
            self.input_drops = true;
        }
    }

    fn add_rule(&mut self, rule: &Value, input: bool) {
        let chain = rule["chain"].as_str().unwrap_or_default();
        let table = rule["table"].as_str().unwrap_or_default();
        let Some(words) = rule["expr"].as_array() else {
            return;
        };
        let drops = words
            .iter()
            .any(|word| word.get("drop").is_some() || word.get("reject").is_some());
        let accepts = words.iter().any(|word| word.get("accept").is_some());
        let matches: Vec<&Value> = words.iter().filter_map(|word| word.get("match")).collect();
        let conditions = matches.len();
        if table == "raw" && chain == "PREROUTING" && drops {
            self.direct_drop = true;
        }
        if chain == "DOCKER-USER" && drops {
            self.forward_drops = true;
        }
        let ufw_or_zone = chain.starts_with("ufw-user-input") || chain.contains("_allow");
        if input && drops && conditions == 0 {
            self.input_drops = true;
        }
        if (input || ufw_or_zone) && accepts {
            for found in matches {
                self.add_match(found);
            }
        }
    }

    fn add_match(&mut self, found: &Value) {
        let payload = &found["left"]["payload"];
        if payload["field"] != "dport" {
            return;
        }
        let Some(protocol) = payload["protocol"].as_str() else {
            return;
        };
        let right = &found["right"];
        let one = std::slice::from_ref(right);
        let values = right["set"].as_array().map_or(one, Vec::as_slice);
        for value in values {
            let number = |value: &Value| value.as_u64().and_then(|n| u16::try_from(n).ok());
            let ends = match value["range"].as_array().map(Vec::as_slice) {
                Some([first, last]) => number(first).zip(number(last)),
                _ => number(value).map(|port| (port, port)),
            };
            let Some((first, last)) = ends else { continue };
            let both = [Protocol::Tcp, Protocol::Udp];
            let protocols = Protocol::parse(protocol).map_or(both.to_vec(), |one| vec![one]);
            for protocol in protocols {
                self.accepts.push(Accepted {
                    protocol,
                    first,
                    last,
                });
            }
        }
    }

    /// Reads `iptables-save`.
    pub fn from_iptables(text: &str) -> Self {
        let mut firewall = Self::default();
        let mut table = "";
        for line in text.lines() {
            if let Some(name) = line.strip_prefix('*') {
                table = name;
            } else if table == "filter" && line.starts_with(":INPUT DROP") {
                firewall.input_drops = true;
            } else if line.starts_with(":ufw-") {
                firewall.tool = FirewallTool::Ufw;
            } else if line.starts_with("-A ") {
                firewall.add_line(table, line);
            }
        }
        if firewall.input_drops && firewall.tool == FirewallTool::None {
            firewall.tool = FirewallTool::Iptables;
        }
        firewall
    }

    fn add_line(&mut self, table: &str, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let after = |flag: &str| {
            words
                .iter()
                .position(|word| *word == flag)
                .and_then(|at| words.get(at + 1))
        };
        let target = after("-j").copied().unwrap_or_default();
        let chain = words.get(1).copied().unwrap_or_default();
        let drops = matches!(target, "DROP" | "REJECT");
        if table == "raw" && chain == "PREROUTING" && drops {
            self.direct_drop = true;
        }
        if chain == "DOCKER-USER" && drops {
            self.forward_drops = true;
        }
        // `-A INPUT -s 10.0.0.9 -j DROP` stops one sender, `-A INPUT -j DROP` everybody.
        if table == "filter" && chain == "INPUT" && drops && words.get(2) == Some(&"-j") {
            self.input_drops = true;
        }
        let input = table == "filter" && matches!(chain, "INPUT" | "ufw-user-input");
        if input && target == "ACCEPT" {
            let protocol = after("-p").and_then(|protocol| Protocol::parse(protocol));
            let ports = after("--dport").or_else(|| after("--dports"));
            if let (Some(protocol), Some(ports)) = (protocol, ports) {
                for port in ports.split(',') {
                    if let Some(range) = PortRange::parse(&port.replace(':', "-")) {
                        let PortRange { first, last } = range;
                        self.accepts.push(Accepted {
                            protocol,
                            first,
                            last,
                        });
                    }
                }
            }
        }
    }
}
