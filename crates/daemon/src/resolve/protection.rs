//! Who is protected, why, in which mode, and what its user opened: one function a kind of workload.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use cofferdam_policy::{Labels, Mode, Opening, PortRange, containment, labels, openings};
use cofferdam_workload::{Container, ContainerId};

use super::{Candidate, FoundUnit, Inputs, Place, distinct, effective, named, pairs, resolvers};
use crate::state::Run;

pub(super) fn container(inputs: &Inputs<'_>, container: &Container) -> Candidate {
    let key = container_key(&container.id);
    let given = given_labels(inputs, &container.name);
    let all = with(&container.labels, &given);
    let directives = labels::directives(&all);
    let (every, mut identity) = effective(&all, &inputs.config.identity_keys);
    // Whatever was given by name says who it is, whether or not its key is one that does.
    identity.extend(labels::selectable(&given, &[]));
    let asked = asked_to_protect(&directives);
    let protected_by = protected_by(inputs, &container.name, asked, &identity);
    let mode = mode(inputs, &key, directives.mode, is_adopted(inputs, &container.id));
    let refuses = asked == Some(false);
    let bare = if refuses {
        "not protected: label cofferdam.protect=false".to_owned()
    } else {
        offer(container)
    };
    let observed = why_observed(inputs, &key, container, mode);
    Candidate {
        key,
        name: container.name.clone(),
        namespace: container.namespace.clone(),
        place: Place::Container(container.id.clone(), container.cgroup.clone()),
        labels: every.into(),
        identity_labels: identity.into(),
        named_ports: directives.ports,
        profile: directives.profile,
        openings: container_openings(inputs, container),
        containment: container
            .host_network
            .then(|| directives.containment.at(inputs.config.contain)),
        declared: declared(inputs, container),
        protected_by,
        refuses,
        mode,
        notes: [observed.into_iter().collect(), vec![bare]],
        warnings: directives.problems.iter().map(warning).collect(),
    }
    .share_loopback()
}

pub(super) fn run(inputs: &Inputs<'_>, key: &str, run: &Run) -> Candidate {
    let mut candidate = process(
        inputs,
        (key.to_owned(), &run.name, &run.namespace),
        &run.labels,
        run.host_network,
    );
    candidate.place = Place::Run(run.cgroup.clone());
    let directives = labels::directives(&run.labels);
    let contained = run
        .labels
        .keys()
        .any(|key| containment::KEYS.contains(&key.as_str()));
    let why = match asked_to_protect(&directives) {
        Some(false) => Err("label cofferdam.protect=false"),
        Some(true) => Ok("label cofferdam.protect"),
        None if !candidate.labels.is_empty() => Ok("cofferdam run --label"),
        None if contained => Ok("cofferdam run --contain"),
        None => Err("`run` was given no label"),
    };
    match why {
        Ok(why) => candidate.protected_by = Some(why.to_owned()),
        Err(why) => candidate.notes[1].push(format!("not protected: {why}")),
    }
    candidate
}

pub(super) fn unit(inputs: &Inputs<'_>, unit: &FoundUnit) -> Candidate {
    let key = format!("unit:{}", unit.name);
    // One with PrivateNetwork= is not on the host's, which its own programs see.
    let mut candidate = process(inputs, (key, &unit.name, &unit.namespace), &unit.labels, true);
    candidate.place = Place::Unit(unit.cgroup.clone());
    candidate.protected_by = Some("[[unit]] of the configuration".to_owned());
    if unit.cgroup.is_none() {
        candidate.notes[0].push("it has no cgroup: it does not run, or not under this name".to_owned());
    }
    candidate
}

/// What runs and units have in common: every label but for directives says who it is.
fn process(
    inputs: &Inputs<'_>,
    (key, name, namespace): (String, &str, &str),
    given: &Labels,
    on_host: bool,
) -> Candidate {
    let directives = labels::directives(given);
    let (every, _) = effective(given, &inputs.config.identity_keys);
    let every = Arc::new(every);
    let refuses = directives.protect == Some(false);
    let openings = directives
        .openings
        .into_iter()
        .chain(resolvers(&inputs.host.resolvers));
    Candidate {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        place: Place::Unit(None),
        identity_labels: Arc::clone(&every),
        labels: every,
        named_ports: directives.ports,
        profile: directives.profile,
        openings: distinct(openings),
        containment: on_host.then(|| directives.containment.at(inputs.config.contain)),
        declared: Vec::new(),
        protected_by: None,
        refuses,
        mode: mode(inputs, &key, directives.mode, false),
        notes: Default::default(),
        warnings: directives.problems.iter().map(warning).collect(),
        key,
    }
    .share_loopback()
}

/// The key of a container in the books.
pub(crate) fn container_key(id: &ContainerId) -> String {
    format!("container:{id}")
}

/// `cofferdam.protect`; a value that is neither true nor false fails closed.
fn asked_to_protect(directives: &labels::Directives) -> Option<bool> {
    let unreadable = directives.problems.iter().any(labels::LabelError::is_protect);
    directives.protect.or(unreadable.then_some(true))
}

fn protected_by(inputs: &Inputs<'_>, name: &str, asked: Option<bool>, identity: &Labels) -> Option<String> {
    if asked == Some(true) {
        return Some("label cofferdam.protect".to_owned());
    }
    if inputs.choices.protected.contains_key(name) {
        return Some("cofferdam protect".to_owned());
    }
    if named(inputs.config, name).is_some() {
        return Some("[[protect]] of the configuration".to_owned());
    }
    (asked.is_none() && !identity.is_empty()).then(|| format!("labels {}", pairs(identity)))
}

/// Labels that `protect NAME --label` and `[[protect]]` give on top; the command wins.
fn given_labels(inputs: &Inputs<'_>, name: &str) -> Labels {
    let mut given = named(inputs.config, name)
        .map(|protect| protect.labels.clone())
        .unwrap_or_default();
    given.extend(inputs.choices.protected.get(name).cloned().unwrap_or_default());
    given
}

/// A container's labels with those laid over them that its user gave by its name.
fn with<'l>(own: &'l Labels, given: &Labels) -> Cow<'l, Labels> {
    let mut all = Cow::Borrowed(own);
    if !given.is_empty() {
        all.to_mut()
            .extend(given.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    all
}

/// Everything observed beats all; then the user's command, the label, and what was there first.
fn mode(inputs: &Inputs<'_>, key: &str, label: Option<Mode>, adopted: bool) -> Mode {
    if inputs.config.mode == Mode::Observe {
        return Mode::Observe;
    }
    let chosen = inputs.choices.modes.get(key).copied().or(label);
    chosen.unwrap_or(if adopted { Mode::Observe } else { Mode::Enforce })
}

fn is_adopted(inputs: &Inputs<'_>, id: &ContainerId) -> bool {
    inputs
        .choices
        .adopted
        .as_ref()
        .is_some_and(|adopted| adopted.contains(id))
}

fn why_observed(inputs: &Inputs<'_>, key: &str, container: &Container, mode: Mode) -> Option<String> {
    let plain = inputs.config.mode == Mode::Enforce && !inputs.choices.modes.contains_key(key);
    let adopted = is_adopted(inputs, &container.id);
    (mode == Mode::Observe && plain && adopted).then(|| {
        let name = &container.name;
        format!("observed: it was here before Cofferdam; `cofferdam enforce {name}` switches it")
    })
}

fn offer(container: &Container) -> String {
    let name = &container.name;
    if container.host_network {
        return format!("on the host's network, not protected: `cofferdam protect {name}` protects it");
    }
    format!("not protected: `cofferdam protect {name}` protects it")
}

/// Its own openings, and those of the container whose namespace it shares: what arrives there may be for either.
fn container_openings(inputs: &Inputs<'_>, container: &Container) -> Vec<Opening> {
    let owner = container
        .netns_owner
        .as_ref()
        .and_then(|id| inputs.containers.get(id));
    distinct([Some(container), owner].into_iter().flatten().flat_map(|one| {
        let published = one.published.iter().flat_map(|port| {
            openings::published(
                port.protocol,
                port.host_ip,
                port.host_port.unwrap_or(port.container_port),
                port.container_port,
            )
        });
        let asked = resolvers(&one.resolvers);
        let all = with(&one.labels, &given_labels(inputs, &one.name));
        published
            .chain(labels::directives(&all).openings)
            .chain(asked)
            .collect::<Vec<_>>()
    }))
}

/// What it, or who owns its namespace, says that it listens on.
fn declared(inputs: &Inputs<'_>, container: &Container) -> Vec<PortRange> {
    let owner = container
        .netns_owner
        .as_ref()
        .and_then(|id| inputs.containers.get(id));
    let ports = [Some(container), owner].into_iter().flatten().flat_map(|one| {
        let published = one
            .published
            .iter()
            .map(|port| (port.protocol, port.container_port));
        one.exposed.iter().copied().chain(published)
    });
    let mut ranges: Vec<PortRange> = Vec::new();
    for (protocol, port) in ports.collect::<BTreeSet<_>>() {
        match ranges.last_mut() {
            Some(range) if range.protocol == protocol && range.last.checked_add(1) == Some(port) => {
                range.last = port;
            }
            _ => ranges.push(PortRange {
                protocol,
                first: port,
                last: port,
            }),
        }
    }
    ranges
}

fn warning(problem: &labels::LabelError) -> String {
    let effect = if problem.is_protect() {
        "it is taken as true"
    } else {
        "it has no effect"
    };
    format!("{problem}; {effect}: {}", problem.hint())
}
