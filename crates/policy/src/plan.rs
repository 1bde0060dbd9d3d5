//! From one compiled policy to another, in steps that never show the kernel half of either.
//!
//! A flow's subject changes with its cgroup entry, between `install` and `retire`. Until then both compilations are
//! in the maps at once, and each subject's rows must answer for the address prefixes of both: see [`bridges`].

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use crate::{Compiled, Direction, PREFIX_MIN, Plan, PrefixValue, RowKey, RowValue, Step};

#[cfg(test)]
mod tests;

/// The steps from `old` to `new`. `install` adds ports, then rows, then prefixes; `retire` changes and removes prefixes,
/// then rows, then ports. Both applied to `old` in order give exactly `new` (but for the rule texts, which no map
/// holds).
#[must_use]
pub fn plan(old: &Compiled, new: &Compiled) -> Plan {
    let bridges = bridges(old, new);
    let ports = changed(&old.ports, &new.ports).map(|(key, value)| Step::SetPort(key, value));
    let rows = changed(&old.rows, &new.rows).map(|(key, value)| Step::SetRow(key, value));
    let bridging = bridges.iter().map(|(key, value)| Step::SetRow(*key, *value));
    // A prefix that loses its number keeps it while the subjects are in use whose openings need it.
    let (forgotten, prefixes): (Vec<_>, Vec<_>) = changed(&old.prefixes, &new.prefixes)
        .partition(|(net, value)| !numbered(value) && old.prefixes.get(net).is_some_and(numbered));
    let set = |(net, value)| Step::SetPrefix(net, value);
    let install = ports
        .chain(rows)
        .chain(bridging)
        .chain(prefixes.into_iter().map(set))
        .collect();

    let prefixes = gone(&old.prefixes, &new.prefixes).map(Step::DropPrefix);
    let rows = gone(&old.rows, &new.rows)
        .chain(bridges.keys().copied())
        .map(Step::DropRow);
    let ports = gone(&old.ports, &new.ports).map(Step::DropPort);
    let retire = forgotten
        .into_iter()
        .map(set)
        .chain(prefixes)
        .chain(rows)
        .chain(ports)
        .collect();
    Plan { install, retire }
}

/// Whether some rule names a prefix around it.
fn numbered(value: &PrefixValue) -> bool {
    value.peer.0 >= PREFIX_MIN
}

fn changed<'a, K: Ord + Copy, V: PartialEq + Copy>(
    old: &'a BTreeMap<K, V>,
    new: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = (K, V)> + 'a {
    let changed = new.iter().filter(|(key, value)| old.get(key) != Some(value));
    changed.map(|(key, value)| (*key, *value))
}

fn gone<'a, K: Ord + Copy, V>(
    old: &'a BTreeMap<K, V>,
    new: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = K> + 'a {
    old.keys().filter(|key| !new.contains_key(key)).copied()
}

/// Rows that live from `install` to `retire` only.
///
/// A subject of one side alone has rows for that side's prefix numbers. While a prefix of the other side lies over them,
/// the longest prefix around an address has a number that the subject does not know, and its class would answer in
/// place of the opening. So the subject's own answer for that prefix is repeated under the other side's number.
fn bridges(old: &Compiled, new: &Compiled) -> BTreeMap<RowKey, RowValue> {
    let mut bridges = BTreeMap::new();
    for (own, other) in [(old, new), (new, old)] {
        let subjects =
            |compiled: &Compiled| -> BTreeSet<u32> { compiled.rows.keys().map(|key| key.subject).collect() };
        let theirs = subjects(other);
        let only_own: Vec<u32> = subjects(own)
            .into_iter()
            .filter(|subject| !theirs.contains(subject))
            .collect();
        for (net, value) in changed(&own.prefixes, &other.prefixes) {
            let known = enclosing(own, net);
            for (subject, direction) in directions(&only_own) {
                let key = |peer| RowKey {
                    subject,
                    peer,
                    direction,
                };
                let Some(row) = known.and_then(|known| own.rows.get(&key(known.peer))) else {
                    continue;
                };
                let key = key(value.peer);
                if !own.rows.contains_key(&key) {
                    bridges.entry(key).or_insert(*row);
                }
            }
        }
    }
    bridges
}

fn directions(subjects: &[u32]) -> impl Iterator<Item = (u32, Direction)> {
    let both = [Direction::Ingress, Direction::Egress];
    subjects
        .iter()
        .flat_map(move |subject| both.map(|direction| (*subject, direction)))
}

/// What a compilation says about the addresses of `net`, by the longest of its prefixes around all of them.
fn enclosing(compiled: &Compiled, net: IpNet) -> Option<PrefixValue> {
    let wider = std::iter::successors(Some(net), IpNet::supernet);
    wider
        .into_iter()
        .find_map(|net| compiled.prefixes.get(&net).copied())
}
