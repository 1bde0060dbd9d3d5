//! Chains of rules, whichever listing they are from, and what follows from them.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::when::{Link, When};
use super::{Entry, Family, Firewall, FirewallTool, Gate, family_of};
use crate::model::PortRange;

/// Which packets a chain sees, if it is no other's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hook {
    /// Those for the host itself.
    Input,
    /// All, before DNAT.
    Raw,
}

/// One chain.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    /// `None` is both.
    pub(super) family: Option<Family>,
    pub(super) table: String,
    pub(super) name: String,
    pub(super) hook: Option<Hook>,
    /// Its policy.
    pub(super) drops: bool,
    pub(super) rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) when: When,
    pub(super) verdict: Verdict,
}

/// How a rule ends.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    Accept,
    Drop,
    Return,
    /// To another chain; the flag says that it comes back.
    Jump(String, bool),
}

/// Chains may jump in circles, and listings come from anywhere.
const DEEPEST: usize = 8;
/// Rules that are followed from one chain; real firewalls have a hundredth of it.
const MOST: usize = 20_000;
const EVERY_PORT: PortRange = PortRange {
    first: 0,
    last: u16::MAX,
};

/// What these chains do.
pub(super) fn firewall(chains: &[Chain], by: FirewallTool) -> Firewall {
    let mut firewall = Firewall::default();
    for chain in chains {
        if chain.hook == Some(Hook::Input) {
            firewall.input.push(Walk::through(chains, chain, false));
        } else if chain.name == "DOCKER-USER" {
            firewall.forward.extend(Walk::through(chains, chain, true));
        }
        if chain.hook == Some(Hook::Raw) {
            add_raw(&mut firewall, chain);
        }
    }
    let shut = |chain: &Vec<Entry>| {
        let mut general = chain.iter().filter(|entry| is_general(entry));
        general.next().is_some_and(|entry| entry.gate == Gate::Shut)
    };
    firewall.input_drops = firewall.input.iter().any(shut);
    firewall.tool = if chains.iter().any(|chain| is_ufw(&chain.name)) {
        FirewallTool::Ufw
    } else if chains.iter().any(|chain| chain.table == "firewalld") {
        FirewallTool::Firewalld
    } else if firewall
        .input
        .iter()
        .flatten()
        .any(|entry| entry.gate == Gate::Shut)
    {
        by
    } else {
        FirewallTool::None
    };
    firewall
}

/// Chains of ufw and firewalld whose accepts count wherever the chain stands.
fn lets_in(chain: &Chain) -> bool {
    const UFW: [&str; 4] = [
        "ufw-user-input",
        "ufw6-user-input",
        "ufw-before-input",
        "ufw6-before-input",
    ];
    let name = chain.name.as_str();
    let zone = name.starts_with("filter_IN_") && name.contains("_allow");
    let policy = name.starts_with("filter_IN_policy_");
    let older = name.starts_with("IN_") && name.ends_with("_allow");
    UFW.contains(&name) || older || chain.table == "firewalld" && (zone || policy)
}

fn is_ufw(chain: &str) -> bool {
    chain.starts_with("ufw-") || chain.starts_with("ufw6-")
}

/// About everything that comes over IPv4.
fn is_general(entry: &Entry) -> bool {
    let every = (entry.first, entry.last) == (EVERY_PORT.first, EVERY_PORT.last);
    let decided = entry.gate != Gate::Ajar && entry.family != Some(Family::Ipv6);
    decided && every && entry.sender.is_none() && entry.protocol.is_none()
}

/// A drop before DNAT counts for the addresses that it names: containers', or loopback's and then by port.
fn add_raw(firewall: &mut Firewall, chain: &Chain) {
    for Rule { when, verdict } in &chain.rules {
        let outside = !matches!(when.link, Link::Bridges | Link::Loopback);
        if when.is_never() || !outside {
            continue;
        }
        match verdict {
            Verdict::Drop if when.is_sure() => {}
            // What comes behind is not for all.
            Verdict::Accept | Verdict::Return => break,
            _ => continue,
        }
        let all_ports = when.ports.is_none() && when.protocols.is_none();
        match &when.to {
            Some(_) if when.to_loopback() => add(&mut firewall.loopback, when, chain, Gate::Shut),
            Some(nets) if all_ports => firewall.direct_to.extend(nets),
            None if all_ports => {
                add(&mut firewall.loopback, when, chain, Gate::Shut);
                let family = chain.family.or(when.family);
                let every = [Ipv4Net::default().into(), Ipv6Net::default().into()];
                let mine = every
                    .into_iter()
                    .filter(|net: &IpNet| family.is_none_or(|family| family_of(Some(net.addr())) == family));
                firewall.direct_to.extend(mine);
            }
            _ => {}
        }
    }
    firewall.direct_drop = !firewall.direct_to.is_empty();
}

/// One entry for each protocol and range.
fn add(entries: &mut Vec<Entry>, when: &When, chain: &Chain, gate: Gate) {
    let mut when = when.clone();
    when.only_family(chain.family);
    let protocols = when
        .protocols
        .map_or(vec![None], |all| all.into_iter().map(Some).collect());
    let ports = when.ports.unwrap_or_else(|| vec![EVERY_PORT]);
    for protocol in protocols {
        entries.extend(ports.iter().map(|range| Entry {
            family: when.family,
            sender: when.link.sender(),
            protocol,
            first: range.first,
            last: range.last,
            gate,
        }));
    }
}

/// A chain with those it jumps to, as entries.
struct Walk<'a> {
    chains: &'a [Chain],
    base: &'a Chain,
    /// `DOCKER-USER`: there a drop for one interface is one for the LAN.
    forward: bool,
    /// Rules and entries that there is room for.
    left: usize,
    entries: Vec<Entry>,
}

// === impl Chain ===

impl Chain {
    /// Both are of one table.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        self.table == other.table && self.family == other.family
    }
}

// === impl Walk ===

impl<'a> Walk<'a> {
    fn through(chains: &'a [Chain], base: &'a Chain, forward: bool) -> Vec<Entry> {
        let mut walk = Self {
            chains,
            base,
            forward,
            left: MOST,
            entries: Vec::new(),
        };
        if !forward {
            walk.add_tools();
        }
        walk.follow(base, &When::default(), 0);
        if walk.left == 0 {
            // Who knows what comes behind.
            walk.push(&When::default(), Gate::Ajar);
        }
        walk.push(&When::default(), walk.policy());
        walk.entries
    }

    fn policy(&self) -> Gate {
        if self.base.drops { Gate::Shut } else { Gate::Open }
    }

    /// ufw and firewalld let in where they always do; the rest of their chains is their own business.
    fn add_tools(&mut self) {
        let (chains, base) = (self.chains, self.base);
        let beside = chains.iter().filter(|chain| chain.is_beside(base));
        for chain in beside.clone().filter(|chain| lets_in(chain)) {
            self.accepts_of(chain, &When::default());
        }
        // A zone lets in by itself too, where something from outside is sent to it.
        for rule in beside
            .clone()
            .filter(|chain| chain.name == "filter_INPUT_ZONES")
            .flat_map(|chain| &chain.rules)
        {
            let Verdict::Jump(zone, _) = &rule.verdict else {
                continue;
            };
            let is_part =
                |name: &str| matches!(name.strip_prefix(zone.as_str()), Some("" | "_pre" | "_post"));
            for chain in beside.clone().filter(|chain| is_part(&chain.name)) {
                self.accepts_of(chain, &rule.when);
            }
        }
    }

    fn accepts_of(&mut self, chain: &Chain, given: &When) {
        for rule in &chain.rules {
            let accepts = match &rule.verdict {
                Verdict::Accept => true,
                // `ufw limit`: six attempts in half a minute.
                Verdict::Jump(name, _) => name.ends_with("-user-limit-accept"),
                _ => false,
            };
            if accepts {
                self.accept(&given.clone().and(&rule.when));
            }
        }
    }

    fn follow(&mut self, chain: &Chain, given: &When, depth: usize) {
        for (place, rule) in chain.rules.iter().enumerate() {
            if self.left == 0 {
                return;
            }
            self.left -= 1;
            let when = given.clone().and(&rule.when);
            let behind = &chain.rules[place + 1..];
            match &rule.verdict {
                Verdict::Accept => self.accept(&when),
                Verdict::Drop => self.drop(&when),
                Verdict::Return if rule.when.is_always() && depth > 0 => return,
                Verdict::Return => self.leave(&when, depth, behind),
                Verdict::Jump(name, back) => {
                    self.jump(name, &when, depth);
                    if !back {
                        self.leave(&when, depth, behind);
                        if rule.when.is_always() {
                            return;
                        }
                    }
                }
            }
        }
    }

    fn jump(&mut self, name: &str, when: &When, depth: usize) {
        let tools = is_ufw(name) || self.base.table == "firewalld";
        let chains = self.chains;
        let next = chains
            .iter()
            .find(|chain| chain.name == name && chain.is_beside(self.base));
        match next {
            _ if tools || when.is_never() => {}
            Some(chain) if depth < DEEPEST => self.follow(chain, when, depth + 1),
            _ => self.push(when, Gate::Ajar),
        }
    }

    /// Back to who jumped, or to the policy, without the rules `behind`.
    fn leave(&mut self, when: &When, depth: usize, behind: &[Rule]) {
        let drops = |rule: &Rule| match rule.verdict {
            Verdict::Drop => rule.when.is_sure() && rule.when.to.is_none(),
            Verdict::Jump(..) => true,
            Verdict::Accept | Verdict::Return => false,
        };
        match self.policy() {
            Gate::Open if depth == 0 => self.accept(when),
            Gate::Shut if depth == 0 => self.drop(when),
            _ if !when.is_always() && !when.is_never() && behind.iter().any(drops) => {
                self.push(when, Gate::Ajar);
            }
            _ => {}
        }
    }

    fn accept(&mut self, when: &When) {
        // Behind one interface is somebody; whether everybody is, nobody knows.
        let sure = !when.doubt && when.to.is_none() && when.link != Link::Named;
        if !when.is_never() && !when.to_loopback() {
            self.push(when, if sure { Gate::Open } else { Gate::Ajar });
        }
    }

    /// In doubt nothing is dropped.
    fn drop(&mut self, when: &When) {
        let general = match when.link {
            Link::Named => self.forward,
            // One of many.
            Link::Bridges => false,
            Link::Any | Link::Outside | Link::Loopback => true,
        };
        if !when.is_never() && when.is_sure() && when.to.is_none() && general {
            self.push(when, Gate::Shut);
        }
    }

    fn push(&mut self, when: &When, gate: Gate) {
        let before = self.entries.len();
        add(&mut self.entries, when, self.base, gate);
        self.left = self.left.saturating_sub(self.entries.len() - before);
    }
}
