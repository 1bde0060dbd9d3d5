//! Nested prefixes, folded: what the longest prefix around an address says about all the others around it.
//!
//! A *region* is a set of addresses that no rule can tell apart: same class, same named prefixes around them. Each
//! gets one number, so that one lookup of the longest prefix answers for the whole nest.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use ipnet::IpNet;

use crate::{PREFIX_MIN, Peer, PeerClass, PrefixValue};

use super::content_number;

/// All regions of a world.
pub(crate) struct Regions {
    regions: Vec<Region>,
    /// Which region the addresses under each prefix belong to.
    by_prefix: BTreeMap<IpNet, usize>,
    /// The regions inside each named prefix.
    inside: HashMap<IpNet, Vec<usize>>,
}

/// Addresses that no rule can tell apart.
pub(crate) struct Region {
    /// Its class's number if no rule names a prefix around it.
    pub(crate) number: Peer,
    pub(crate) class: PeerClass,
    /// The named prefixes around it, widest first.
    pub(crate) chain: Vec<IpNet>,
}

// === impl Regions ===

impl Regions {
    pub(crate) fn new(classes: &BTreeMap<IpNet, PeerClass>, named: &BTreeSet<IpNet>) -> Self {
        let mut numbering = Numbering::default();
        let mut by_prefix = BTreeMap::new();
        for (net, class, chain) in walk(classes, named) {
            by_prefix.insert(net, numbering.region(class, chain));
        }
        let regions = numbering.regions;
        let mut inside: HashMap<IpNet, Vec<usize>> = HashMap::new();
        for (at, region) in regions.iter().enumerate() {
            for net in &region.chain {
                inside.entry(*net).or_default().push(at);
            }
        }
        Self {
            regions,
            by_prefix,
            inside,
        }
    }

    /// The map that the kernel searches.
    pub(crate) fn values(&self) -> BTreeMap<IpNet, PrefixValue> {
        let value = |at: usize| PrefixValue {
            peer: self.regions[at].number,
            class: self.regions[at].class,
        };
        self.by_prefix
            .iter()
            .map(|(net, at)| (*net, value(*at)))
            .collect()
    }

    /// The regions inside any of these prefixes, each once.
    pub(crate) fn named_by(&self, nets: impl Iterator<Item = IpNet>) -> impl Iterator<Item = &Region> {
        let found: BTreeSet<usize> = nets
            .filter_map(|net| self.inside.get(&net))
            .flatten()
            .copied()
            .collect();
        found.into_iter().map(|at| &self.regions[at])
    }
}

#[derive(Default)]
struct Numbering {
    regions: Vec<Region>,
    known: HashMap<(PeerClass, Vec<IpNet>), usize>,
    taken: HashSet<u32>,
}

// === impl Numbering ===

impl Numbering {
    fn region(&mut self, class: PeerClass, chain: Vec<IpNet>) -> usize {
        let content = (class, chain);
        if let Some(at) = self.known.get(&content) {
            return *at;
        }
        let number = if content.1.is_empty() {
            class.peer()
        } else {
            let number = content_number(&content, PREFIX_MIN..u32::MAX, &self.taken);
            self.taken.insert(number);
            Peer(number)
        };
        let at = self.regions.len();
        self.regions.push(Region {
            number,
            class,
            chain: content.1.clone(),
        });
        self.known.insert(content, at);
        at
    }
}

/// Every prefix with its class and the named prefixes around it. Widest first within an address, so the enclosing
/// prefixes of each are exactly those still on the stack.
fn walk(
    classes: &BTreeMap<IpNet, PeerClass>,
    named: &BTreeSet<IpNet>,
) -> Vec<(IpNet, PeerClass, Vec<IpNet>)> {
    let mut nets: Vec<IpNet> = classes.keys().chain(named).copied().collect();
    nets.sort_by_key(|net| (net.network(), net.prefix_len()));
    nets.dedup();
    let mut stack: Vec<(IpNet, PeerClass, Vec<IpNet>)> = Vec::new();
    let mut found = Vec::with_capacity(nets.len());
    for net in nets {
        while stack.last().is_some_and(|(around, _, _)| !around.contains(&net)) {
            stack.pop();
        }
        let (inherited, mut chain) = stack
            .last()
            .map_or((PeerClass::World, Vec::new()), |(_, class, chain)| {
                (*class, chain.clone())
            });
        let class = classes.get(&net).copied().unwrap_or(inherited);
        if named.contains(&net) {
            chain.push(net);
        }
        stack.push((net, class, chain.clone()));
        found.push((net, class, chain));
    }
    found
}
