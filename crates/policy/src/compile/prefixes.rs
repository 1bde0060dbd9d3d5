//! Nested prefixes, folded: what the longest prefix around an address says about all the others around it.
//!
//! A *region* is what is left of a prefix when the longer ones inside it are cut out. All its addresses have the same
//! class and the same named prefixes around them, so one lookup of the longest prefix answers for the whole nest.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use ipnet::IpNet;

use crate::{PREFIX_MIN, Peer, PeerClass, PrefixValue};

use super::content_number;

/// All regions of a world.
pub(crate) struct Regions {
    regions: Vec<Region>,
    /// The regions inside each named prefix, its own included.
    inside: HashMap<IpNet, Vec<usize>>,
}

/// What is left of one prefix.
pub(crate) struct Region {
    net: IpNet,
    /// Its class's number if no rule names a prefix around it, else one that depends on the prefix alone: whatever
    /// else is named or forgotten, rows of this prefix stay where they are.
    pub(crate) number: Peer,
    pub(crate) class: PeerClass,
    /// The named prefixes around it, widest first.
    pub(crate) chain: Vec<IpNet>,
}

// === impl Regions ===

impl Regions {
    pub(crate) fn new(classes: &BTreeMap<IpNet, PeerClass>, named: &BTreeSet<IpNet>) -> Self {
        let mut regions = walk(classes, named);
        let mut taken = HashSet::new();
        let mut inside: HashMap<IpNet, Vec<usize>> = HashMap::new();
        for (at, region) in regions
            .iter_mut()
            .enumerate()
            .filter(|(_, region)| !region.chain.is_empty())
        {
            let number = content_number(&region.net, PREFIX_MIN..u32::MAX, &taken);
            taken.insert(number);
            region.number = Peer(number);
            for net in &region.chain {
                inside.entry(*net).or_default().push(at);
            }
        }
        Self { regions, inside }
    }

    /// The map that the kernel searches.
    pub(crate) fn values(&self) -> BTreeMap<IpNet, PrefixValue> {
        let value = |region: &Region| PrefixValue {
            peer: region.number,
            class: region.class,
        };
        self.regions
            .iter()
            .map(|region| (region.net, value(region)))
            .collect()
    }

    /// The regions inside any of these prefixes, each once.
    pub(crate) fn named_by(&self, nets: Vec<IpNet>) -> impl Iterator<Item = &Region> {
        let found: BTreeSet<usize> = nets
            .into_iter()
            .filter_map(|net| self.inside.get(&net))
            .flatten()
            .copied()
            .collect();
        found.into_iter().map(|at| &self.regions[at])
    }
}

/// Every prefix with its class and the named prefixes around it. Widest first within an address, so the enclosing
/// prefixes of each are exactly those still on the stack.
fn walk(classes: &BTreeMap<IpNet, PeerClass>, named: &BTreeSet<IpNet>) -> Vec<Region> {
    let mut nets: Vec<IpNet> = classes.keys().chain(named).copied().collect();
    nets.sort_by_key(|net| (net.network(), net.prefix_len()));
    nets.dedup();
    let mut regions: Vec<Region> = Vec::with_capacity(nets.len());
    let mut around: Vec<usize> = Vec::new();
    for net in nets {
        while around.last().is_some_and(|at| !regions[*at].net.contains(&net)) {
            around.pop();
        }
        let outer = around.last().map(|at| &regions[*at]);
        let inherited = outer.map_or(PeerClass::World, |outer| outer.class);
        let class = classes.get(&net).copied().unwrap_or(inherited);
        let mut chain = outer.map_or_else(Vec::new, |outer| outer.chain.clone());
        if named.contains(&net) {
            chain.push(net);
        }
        around.push(regions.len());
        regions.push(Region {
            net,
            number: class.peer(),
            class,
            chain,
        });
    }
    regions
}
