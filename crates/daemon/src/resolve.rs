//! PURE: what runs on this host, what the user wants, and what the numbers are → what the kernel is to know.
//!
//! Decides who is protected, in which mode, with which openings. Gives numbers from the state's books and does
//! nothing else: no file, no clock, no kernel. `engine` carries it out.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use cofferdam_policy::{
    DefaultProfile, Document, Identity, Labels, Mode, Opening, Subject, World, labels, openings, selecting,
};
use cofferdam_workload::{Container, ContainerId};
use ipnet::IpNet;

use crate::config::{Config, Protect};
use crate::enforcer::{Contained, Entry, Published};
use crate::state::{Choices, Numbers, Run};

use candidate::Candidate;
pub(crate) use fingerprints::Fingerprints;
pub(crate) use protection::container_key;

mod candidate;
mod fingerprints;
mod host;
mod protection;
#[cfg(test)]
pub(crate) mod tests;

/// Everything that the answer depends on, but for the books of numbers.
pub(crate) struct Inputs<'a> {
    /// Docker's containers, whatever their state.
    pub(crate) containers: &'a BTreeMap<ContainerId, Container>,
    /// Workloads of `cofferdam run`, by key.
    pub(crate) runs: &'a BTreeMap<String, Run>,
    /// Units of the configuration.
    pub(crate) units: &'a [FoundUnit],
    /// The configuration, the command line laid over it.
    pub(crate) config: &'a Config,
    /// What the user chose at run time.
    pub(crate) choices: &'a Choices,
    /// Facts of the host.
    pub(crate) host: &'a HostFacts,
}

/// A `[[unit]]` and where its cgroup is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FoundUnit {
    /// Its name.
    pub(crate) name: String,
    /// Its policy namespace.
    pub(crate) namespace: String,
    /// Its labels; all of them say who it is.
    pub(crate) labels: Labels,
    /// Its cgroup, absolute; `None` while it does not run.
    pub(crate) cgroup: Option<PathBuf>,
}

/// What is true of this host and its namespaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HostFacts {
    /// Cookie of the host's network namespace.
    pub(crate) netns: u64,
    /// Its addresses, loopback included.
    pub(crate) addresses: Vec<IpAddr>,
    /// Its interfaces, with the kernel's numbers.
    pub(crate) interfaces: BTreeMap<String, u32>,
    /// The prefixes on its links.
    pub(crate) links: Vec<IpNet>,
    /// Docker's own subnets.
    pub(crate) subnets: Vec<IpNet>,
    /// Its resolvers.
    pub(crate) resolvers: Vec<IpAddr>,
    /// Container → cookie of its network namespace, where it runs.
    pub(crate) namespaces: BTreeMap<ContainerId, u64>,
}

/// Where a workload's processes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A container: announced by its id; its cgroup while it runs.
    Container(ContainerId, Option<PathBuf>),
    /// A process tree that `run` started.
    Run(PathBuf),
    /// A unit; its cgroup while it runs.
    Unit(Option<PathBuf>),
}

/// One workload, decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placement {
    /// `container:<id>`, `run:<cgroup name>`, `unit:<name>`.
    pub(crate) key: String,
    /// Name for people.
    pub(crate) name: String,
    /// Policy namespace.
    pub(crate) namespace: String,
    /// Where it is.
    pub(crate) place: Place,
    /// What the kernel is told about its cgroup.
    pub(crate) entry: Entry,
    /// What it may take of the host's network, where it is on that and protected.
    pub(crate) contained: Option<Contained>,
    /// Who it is, where it is protected.
    pub(crate) identity: Option<Identity>,
    /// Every label its creator gave.
    pub(crate) labels: Arc<Labels>,
    /// Its openings, where it is protected.
    pub(crate) openings: Vec<Opening>,
    /// Its own posture.
    pub(crate) profile: Option<DefaultProfile>,
    /// The policies that select it, in the order in which they are asked.
    pub(crate) selected_by: Vec<Arc<Document>>,
    /// What decided that it is protected; `None`: it is not.
    pub(crate) protected_by: Option<String>,
    /// Whether its denials are carried out.
    pub(crate) mode: Mode,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
    /// What is wrong with its labels.
    pub(crate) warnings: Vec<String>,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// What `compile` wants.
    pub(crate) world: World,
    /// Every workload, sorted by name.
    pub(crate) placements: Vec<Placement>,
    /// Address → cookie of the namespace that has it; loopback is not in it, it is everywhere.
    pub(crate) addresses: Vec<(IpAddr, u64)>,
    /// Cookie of a namespace → the one kind of workload that is in it.
    pub(crate) owners: Vec<(u64, Entry)>,
    /// Where Docker sends what arrives at a published port.
    pub(crate) published: Vec<Published>,
}

/// Decides everything under these policies. The numbers of what is no more stay until [`Resolved::forget_others`]: it may
/// come to nothing.
pub(crate) fn resolve(
    inputs: &Inputs<'_>,
    documents: Vec<Arc<Document>>,
    (numbers, fingerprints): (&mut Numbers, &mut Fingerprints),
) -> Resolved {
    let profile = inputs.config.default;
    let candidates: Vec<Candidate> = inputs
        .containers
        .values()
        .map(|container| protection::container(inputs, container))
        .chain(
            inputs
                .runs
                .iter()
                .map(|(key, run)| protection::run(inputs, key, run)),
        )
        .chain(inputs.units.iter().map(|unit| protection::unit(inputs, unit)))
        .collect();
    let seen: Vec<(&str, &Arc<Labels>)> = candidates
        .iter()
        .map(|one| (one.namespace.as_str(), &one.labels))
        .collect();
    let selected = selecting(&documents, &BTreeMap::new(), &seen);
    fingerprints.learn(&documents);
    let mut placements: Vec<Placement> = candidates
        .into_iter()
        .zip(selected)
        .map(|(mut candidate, selected)| {
            candidate.protect_by(&selected);
            let policy = fingerprints.of(&selected);
            let (identity, mut entry) = candidate.number(profile, policy, numbers);
            let contained = candidate.contained(&entry, &inputs.host.interfaces, numbers);
            entry.contained = contained.as_ref().is_some_and(Contained::says_anything);
            entry.moved = contained.as_ref().is_some_and(Contained::has_moved);
            candidate.placed(selected, identity, entry, contained)
        })
        .collect();
    placements.sort_by(|a, b| (&a.name, &a.key).cmp(&(&b.name, &b.key)));
    Resolved {
        world: world(profile, &placements, inputs, documents),
        addresses: host::addresses(inputs),
        owners: host::owners(inputs, &placements),
        published: host::published(inputs),
        placements,
    }
}

// === impl Resolved ===

impl Resolved {
    /// Forgets the numbers that nothing uses any more.
    pub(crate) fn forget_others(&self, numbers: &mut Numbers) {
        let World {
            subjects, identities, ..
        } = &self.world;
        numbers.retain(
            &self
                .placements
                .iter()
                .map(|placement| placement.key.as_str())
                .collect(),
            &subjects.iter().map(|subject| subject.number).collect(),
            &identities.iter().map(|identity| identity.number).collect(),
        );
    }
}

fn world(
    profile: DefaultProfile,
    placements: &[Placement],
    inputs: &Inputs<'_>,
    documents: Vec<Arc<Document>>,
) -> World {
    let mut identities = BTreeMap::new();
    let mut subjects = BTreeMap::new();
    for placement in placements {
        let Some(identity) = &placement.identity else {
            continue;
        };
        identities.insert(identity.number, identity.clone());
        subjects.insert(
            placement.entry.subject,
            Subject {
                number: placement.entry.subject,
                identity: identity.number,
                openings: placement.openings.clone(),
                profile: placement.profile,
            },
        );
    }
    World {
        profile,
        identities: identities.into_values().collect(),
        subjects: subjects.into_values().collect(),
        prefixes: host::prefixes(inputs.host),
        documents,
        ..World::default()
    }
}

/// Openings of configured resolvers. Docker's own one answers inside the workload's namespace and needs none.
fn resolvers(addresses: &[IpAddr]) -> impl Iterator<Item = Opening> + '_ {
    const DOCKER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 11));
    addresses
        .iter()
        .filter(|address| **address != DOCKER)
        .map(|address| openings::resolver(*address))
}

fn distinct(openings: impl IntoIterator<Item = Opening>) -> Vec<Opening> {
    openings
        .into_iter()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

fn named<'a>(config: &'a Config, name: &str) -> Option<&'a Protect> {
    config.protect.iter().find(|protect| protect.name == name)
}

/// `app=web,tier=front`.
pub(crate) fn pairs(labels: &Labels) -> String {
    labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect::<Vec<_>>()
        .join(",")
}

fn effective(labels: &Labels, keys: &[String]) -> (Labels, Labels) {
    (
        labels::selectable(labels, keys),
        labels::identity_labels(labels, keys),
    )
}
