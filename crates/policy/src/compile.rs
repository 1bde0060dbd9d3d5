//! From a world to the numbers that the kernel looks up.
//!
//! Numbers of prefixes and port tables come from their contents, those of rules from the last compilation: so an
//! unchanged subject keeps its rows whatever happens around it, and a table in use never changes under a flow.

use std::collections::{BTreeSet, HashSet};
use std::hash::{Hash, Hasher};

use ipnet::IpNet;
use rustc_hash::FxHashSet;

use crate::classes::canonical;
use crate::documents::{Document, RulePeer};
use crate::{Compiled, Direction, IDENTITY_MIN, OpeningPeer, PREFIX_MIN, Peer, PeerClass, RuleText, World};

mod compiler;
mod lines;
mod prefixes;
mod room;
mod rows;
mod selecting;
mod sets;
mod tables;
#[cfg(test)]
mod tests;

pub use compiler::Compiler;
pub use room::{KEPT, PORTS, PREFIXES, ROWS, check_swap};
pub use selecting::selecting;

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
    /// More rules are about one workload than a verdict can tell apart.
    #[error("{count} {} rules are about {who}; there is room for {}", .direction.name(), u16::MAX)]
    TooManyRules {
        /// The workload, in words.
        who: String,
        /// Its end.
        direction: Direction,
        /// How many rules.
        count: usize,
    },
    /// The kernel's maps are too small for it.
    #[error(
        "the policies need {needed} {what}, there is room for {room}; most of them ({share}) come from {} ({})",
        .most.name, .most.source
    )]
    NoRoom {
        /// Which map: `rows`, `port blocks`, `prefixes`, ``rules with `keep` ``.
        what: &'static str,
        /// How many entries it would have.
        needed: usize,
        /// How many it can have.
        room: usize,
        /// The rule that needs most.
        most: RuleText,
        /// How many that are.
        share: usize,
    },
    /// What is new does not fit beside what is in force, as it has to for a moment.
    #[error(
        "{new} new {what} do not fit beside the {held} in force, there is room for {room}; most of them ({share}) come \
         from {} ({})",
        .most.name, .most.source
    )]
    NoRoomBeside {
        /// Which map: `rows`, `port blocks`, `prefixes`, ``rules with `keep` ``.
        what: &'static str,
        /// How many entries are there.
        held: usize,
        /// How many come.
        new: usize,
        /// How many it can have.
        room: usize,
        /// The rule that needs most of what is new.
        most: RuleText,
        /// How many that are.
        share: usize,
    },
}

// === impl CompileError ===

impl CompileError {
    /// The rule that is at fault, if one is.
    #[must_use]
    pub fn rule(&self) -> Option<&RuleText> {
        match self {
            Self::NoRoom { most, .. } | Self::NoRoomBeside { most, .. } => Some(most),
            _ => None,
        }
    }
}

/// Compiles a world, rules numbered from scratch.
///
/// # Errors
/// [`CompileError`] names the first inconsistency of the world, or what is too big.
pub fn compile(world: &World) -> Result<Compiled, CompileError> {
    compile_with(world, &[])
}

/// Compiles a world and keeps the numbers of `previous_rules` (the `rules` of the last [`Compiled`]), so that the
/// rows of unchanged subjects do not change. [`Compiler`] does the same and remembers what it did.
///
/// # Errors
/// [`CompileError`] names the first inconsistency of the world, or what is too big.
pub fn compile_with(world: &World, previous_rules: &[RuleText]) -> Result<Compiled, CompileError> {
    Compiler::default().compile(world, previous_rules)
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
    let mut identities = FxHashSet::default();
    for identity in &world.identities {
        let in_range = (IDENTITY_MIN..PREFIX_MIN).contains(&identity.number.0);
        if !in_range || !identities.insert(identity.number) {
            return Err(CompileError::IdentityNumber(identity.number));
        }
    }
    let mut subjects = FxHashSet::from_iter([0]);
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

/// Every prefix that a rule or an opening is about, or makes an exception of.
fn named_prefixes(world: &World) -> BTreeSet<IpNet> {
    let openings = world.subjects.iter().flat_map(|subject| &subject.openings);
    let opened = openings.filter_map(|opening| match opening.peer {
        OpeningPeer::Prefix(net) => Some(canonical(net)),
        _ => None,
    });
    let rules = world.documents.iter().flat_map(|document| rules_of(document));
    let nets = rules.flat_map(|rule| &rule.peers).filter_map(|peer| match peer {
        RulePeer::Net(net) => Some(net),
        _ => None,
    });
    let nets = nets.flat_map(|peer| peer.except.iter().chain([&peer.net]).copied().map(canonical));
    opened.chain(nets).collect()
}

fn rules_of(document: &Document) -> impl Iterator<Item = &crate::documents::Rule> {
    [Direction::Ingress, Direction::Egress]
        .into_iter()
        .filter_map(|direction| document.rules(direction))
        .flatten()
}
