//! From one compiled policy to another, in steps that never show the kernel half of either.
//!
//! A flow's subject changes with its cgroup entry, between `install` and `retire`. Until then both compilations are
//! in the maps at once, and each subject's rows must answer for the address prefixes of both: see [`bridges`].

use std::collections::{BTreeMap, HashMap, HashSet};

use ipnet::IpNet;

use crate::{
    Compiled, IDENTITY_MIN, PREFIX_MIN, Peer, PeerClass, Plan, Plane, PrefixValue, RowKey, RowValue, Step,
};

#[cfg(test)]
mod tests;

/// The steps from `old` to `new`. `install` adds kept rules, then ports, rows and prefixes; `retire` changes and removes
/// prefixes, then rows, ports and kept rules. Both applied to `old` in order give exactly `new` (but for the rule texts,
/// which no map holds).
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
    let kept = new.kept.difference(&old.kept).copied().map(Step::SetKept);
    let install = kept
        .chain(ports)
        .chain(rows)
        .chain(bridging)
        .chain(prefixes.into_iter().map(set))
        .collect();

    let prefixes = gone(&old.prefixes, &new.prefixes).map(Step::DropPrefix);
    let rows = gone(&old.rows, &new.rows)
        .chain(bridges.keys().copied())
        .map(Step::DropRow);
    let ports = gone(&old.ports, &new.ports).map(Step::DropPort);
    let kept = old.kept.difference(&new.kept).copied().map(Step::DropKept);
    let retire = forgotten
        .into_iter()
        .map(set)
        .chain(prefixes)
        .chain(rows)
        .chain(ports)
        .chain(kept)
        .collect();
    Plan { install, retire }
}

/// Whether some rule names a prefix around it.
fn numbered(value: &PrefixValue) -> bool {
    value.peer.0 >= PREFIX_MIN
}

/// Entries of `new` that `old` has not, or not so. Both are walked once: with hundreds of thousands of rows a search
/// for each would take most of a change's time.
fn changed<'a, K: Ord + Copy, V: PartialEq + Copy>(
    old: &'a BTreeMap<K, V>,
    new: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = (K, V)> + 'a {
    let mut old = old.iter().peekable();
    new.iter().filter_map(move |(key, value)| {
        while old.next_if(|(one, _)| *one < key).is_some() {}
        let same = old
            .next_if(|(one, _)| *one == key)
            .is_some_and(|(_, before)| before == value);
        (!same).then_some((*key, *value))
    })
}

/// Keys of `old` that `new` has not.
fn gone<'a, K: Ord + Copy, V>(
    old: &'a BTreeMap<K, V>,
    new: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = K> + 'a {
    let mut new = new.keys().peekable();
    old.keys().copied().filter(move |key| {
        while new.next_if(|one| *one < key).is_some() {}
        new.next_if(|one| *one == key).is_none()
    })
}

/// Rows that live from `install` to `retire` only.
///
/// A subject of one side alone has rows for that side's prefix numbers. While a prefix of the other side lies over them,
/// the longest prefix around an address has a number that the subject does not know, and its class would answer in
/// place of its rule. So the subject's own answers for that prefix are repeated under the other side's number.
fn bridges(old: &Compiled, new: &Compiled) -> BTreeMap<RowKey, RowValue> {
    let mut bridges = BTreeMap::new();
    for (own, other) in [(old, new), (new, old)] {
        let mut moved = changed(&own.prefixes, &other.prefixes).peekable();
        if moved.peek().is_none() {
            continue;
        }
        let known = addresses_of_one_side(own, other);
        for (net, value) in moved {
            let Some(rows) = enclosing(own, net).and_then(|prefix| known.get(&prefix.peer)) else {
                continue;
            };
            for (key, row) in rows {
                let key = RowKey {
                    peer: value.peer,
                    ..*key
                };
                if !own.rows.contains_key(&key) {
                    bridges.entry(key).or_insert(*row);
                }
            }
        }
    }
    bridges
}

/// The rows for prefix numbers of subjects that the other side does not have, by number.
fn addresses_of_one_side(own: &Compiled, other: &Compiled) -> HashMap<Peer, Vec<(RowKey, RowValue)>> {
    let theirs: HashSet<u32> = other.rows.keys().map(|key| key.subject).collect();
    let mut known: HashMap<Peer, Vec<(RowKey, RowValue)>> = HashMap::new();
    let rows = own.rows.iter().filter(|(key, _)| !theirs.contains(&key.subject));
    for (key, row) in rows.filter(|(key, _)| key.plane.0 & Plane::BESIDE != 0 || !is_workload(key.peer)) {
        known.entry(key.peer).or_default().push((*key, *row));
    }
    known
}

fn is_workload(peer: Peer) -> bool {
    (IDENTITY_MIN..PREFIX_MIN).contains(&peer.0) || peer == PeerClass::Workload.peer()
}

/// What a compilation says about the addresses of `net`, by the longest of its prefixes around all of them.
fn enclosing(compiled: &Compiled, net: IpNet) -> Option<PrefixValue> {
    let wider = std::iter::successors(Some(net), IpNet::supernet);
    wider
        .into_iter()
        .find_map(|net| compiled.prefixes.get(&net).copied())
}
