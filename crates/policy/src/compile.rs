//! From a world to the numbers that the kernel looks up.
//!
//! Numbers of prefixes and port tables come from their contents, those of rules from the last compilation: so an
//! unchanged subject keeps its rows whatever happens around it, and a table in use never changes under a flow.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{Hash, Hasher};

use ipnet::IpNet;

use crate::classes::canonical;
use crate::clauses::{Around, Clause, Index, View};
use crate::rules::Rules;
use crate::{
    Compiled, Direction, IDENTITY_MIN, Identity, OpeningPeer, PREFIX_MIN, Peer, PeerClass, PortRange,
    PortValue, RowKey, RowValue, RuleText, Subject, World,
};

mod peers;
mod prefixes;
mod tables;
#[cfg(test)]
mod tests;

use peers::PeerIndex;
use prefixes::Regions;
use tables::Tables;

/// Why a world cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// Two subjects have the same number, or one has 0.
    #[error("subject number {0} is used twice or is 0")]
    SubjectNumber(u32),
    /// Two identities have the same number, or one lies outside `IDENTITY_MIN..PREFIX_MIN`.
    #[error("identity number {} is used twice or out of range", .0.0)]
    IdentityNumber(Peer),
    /// A subject names an identity that the world does not have.
    #[error("subject {subject} has the unknown identity {}", .identity.0)]
    UnknownIdentity {
        /// The subject.
        subject: u32,
        /// Its identity.
        identity: Peer,
    },
    /// A prefix has a class that is no address's.
    #[error("prefix {net} cannot be of class {}", .class.name())]
    PrefixClass {
        /// The prefix.
        net: IpNet,
        /// Its class.
        class: PeerClass,
    },
}

/// The classes that every subject has a row for.
const ROW_CLASSES: [PeerClass; 6] = [
    PeerClass::Host,
    PeerClass::Lan,
    PeerClass::Metadata,
    PeerClass::Multicast,
    PeerClass::World,
    PeerClass::Workload,
];

/// Compiles a world, rules numbered from scratch.
///
/// # Errors
/// [`CompileError`] names the first inconsistency of the world.
pub fn compile(world: &World) -> Result<Compiled, CompileError> {
    compile_with(world, &[])
}

/// Compiles a world and keeps the numbers of `previous_rules` (the `rules` of the last [`Compiled`]), so that the
/// rows of unchanged subjects do not change.
///
/// # Errors
/// [`CompileError`] names the first inconsistency of the world.
pub fn compile_with(world: &World, previous_rules: &[RuleText]) -> Result<Compiled, CompileError> {
    check(world)?;
    let index = Index::new(world);
    let regions = Regions::new(&index.classes, &named_prefixes(world));
    let mut compiler = Compiler {
        rules: Rules::new(&index, previous_rules),
        peers: PeerIndex::new(world),
        index: &index,
        regions: &regions,
        tables: Tables::default(),
        rows: BTreeMap::new(),
    };
    for subject in &world.subjects {
        for direction in [Direction::Ingress, Direction::Egress] {
            compiler.rows_of(subject, direction);
        }
    }
    Ok(Compiled {
        rows: compiler.rows,
        ports: compiler.tables.into_blocks(),
        prefixes: regions.values(),
        rules: compiler.rules.into_texts(),
    })
}

/// A number for some content, in `range`, that is not taken. The same content nearly always gets the same number.
fn content_number(content: &impl Hash, range: std::ops::Range<u32>, taken: &HashSet<u32>) -> u32 {
    let mut hasher = fnv::FnvHasher::default();
    content.hash(&mut hasher);
    let width = u64::from(range.end - range.start);
    let mut offset = hasher.finish() % width;
    loop {
        // `offset < width`, which fits.
        let number = range.start + u32::try_from(offset).unwrap_or(0);
        if !taken.contains(&number) {
            return number;
        }
        offset = (offset + 1) % width;
    }
}

fn check(world: &World) -> Result<(), CompileError> {
    let mut identities = HashSet::new();
    for identity in &world.identities {
        let in_range = (IDENTITY_MIN..PREFIX_MIN).contains(&identity.number.0);
        if !in_range || !identities.insert(identity.number) {
            return Err(CompileError::IdentityNumber(identity.number));
        }
    }
    let mut subjects = HashSet::from([0]);
    for subject in &world.subjects {
        if !subjects.insert(subject.number) {
            return Err(CompileError::SubjectNumber(subject.number));
        }
        if !identities.contains(&subject.identity) {
            let (subject, identity) = (subject.number, subject.identity);
            return Err(CompileError::UnknownIdentity { subject, identity });
        }
    }
    for (net, class) in &world.prefixes {
        if matches!(class, PeerClass::Pending | PeerClass::Workload) {
            return Err(CompileError::PrefixClass {
                net: *net,
                class: *class,
            });
        }
    }
    Ok(())
}

fn named_prefixes(world: &World) -> BTreeSet<IpNet> {
    let openings = world.subjects.iter().flat_map(|subject| &subject.openings);
    openings.filter_map(|opening| prefix(&opening.peer)).collect()
}

fn openings_of(subject: &Subject, direction: Direction) -> impl Iterator<Item = &OpeningPeer> {
    let openings = subject
        .openings
        .iter()
        .filter(move |opening| opening.direction == direction);
    openings.map(|opening| &opening.peer)
}

fn prefix(peer: &OpeningPeer) -> Option<IpNet> {
    match peer {
        OpeningPeer::Prefix(net) => Some(canonical(*net)),
        _ => None,
    }
}

struct Compiler<'i, 'w> {
    index: &'i Index<'w>,
    peers: PeerIndex<'w>,
    regions: &'i Regions,
    rules: Rules,
    tables: Tables,
    rows: BTreeMap<RowKey, RowValue>,
}

/// One subject in one direction.
struct Side<'w> {
    subject: &'w Subject,
    own: &'w Identity,
    direction: Direction,
    clauses: Vec<Clause<'w>>,
}

// === impl Compiler ===

impl<'w> Compiler<'_, 'w> {
    /// A row for every class, and for those peers whose row would differ from that of their class.
    fn rows_of(&mut self, subject: &'w Subject, direction: Direction) {
        let Some((_, own)) = self.index.subject(subject.number) else {
            return;
        };
        let side = Side {
            subject,
            own,
            direction,
            clauses: self.index.clauses(subject, direction),
        };
        for class in ROW_CLASSES {
            let view = match class {
                PeerClass::Workload => View::AnyWorkload,
                _ => View::Outside(class, Around::Nets(&[])),
            };
            self.put(&side, class.peer(), None, view);
        }
        for identity in self.peers.special(subject, own, direction) {
            self.put(
                &side,
                identity.number,
                Some(PeerClass::Workload),
                View::Identity(identity),
            );
        }
        let regions = self.regions;
        for region in regions.named_by(openings_of(subject, direction).filter_map(prefix)) {
            let view = View::Outside(region.class, Around::Nets(&region.chain));
            self.put(&side, region.number, Some(region.class), view);
        }
    }

    /// Writes the row of one peer, unless the row of its class says the same.
    fn put(&mut self, side: &Side<'w>, peer: Peer, class: Option<PeerClass>, view: View<'_>) {
        let matching: Vec<(PortRange, PortValue)> = side
            .clauses
            .iter()
            .filter(|clause| clause.matches_peer(side.own, view))
            .map(|clause| (clause.ports(), clause.value(self.rules.number(&clause.rule))))
            .collect();
        let Some(row) = self.tables.row(&matching) else {
            return;
        };
        let key = |peer| RowKey {
            subject: side.subject.number,
            peer,
            direction: side.direction,
        };
        let implied = class.and_then(|class| self.rows.get(&key(class.peer())));
        if implied != Some(&row) {
            self.rows.insert(key(peer), row);
        }
    }
}
