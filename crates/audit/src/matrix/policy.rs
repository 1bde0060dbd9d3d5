//! What Cofferdam's default profile would make of a path. A reading of the documented profile (docs/labels.md) for a
//! table; `cofferdam explain` asks the daemon, which knows the policies.

use super::{From, Outcome, Way};
use crate::model::{Estate, Place, Service};

/// Labels by which a service says who it is.
const IDENTITY: &[&str] = &[
    "app",
    "role",
    "tier",
    "env",
    "app.kubernetes.io/name",
    "app.kubernetes.io/component",
    "app.kubernetes.io/part-of",
];

/// The outcome for a path that is `now`.
pub(super) fn outcome(
    estate: &Estate,
    from: &From,
    to: Place<'_>,
    path: (u16, Way),
    now: Outcome,
) -> Outcome {
    let mine = identity(to.service);
    let protected = !mine.is_empty() || to.service.label("cofferdam.protect") == Some("true");
    if !protected || now == Outcome::Blocked {
        return now;
    }
    if to.service.label("cofferdam.ingress").is_some() {
        return Outcome::Unknown;
    }
    let (port, way) = path;
    let opened = |only_host: bool| {
        to.service.ports.iter().any(|opening| {
            let dialled = if way == Way::Published || way == Way::Gateway {
                opening.published.is_some_and(|range| range.contains(port)) || opening.target.contains(port)
            } else {
                opening.target.contains(port)
            };
            dialled && (!opening.is_loopback() || only_host)
        })
    };
    let allowed = match from {
        From::Internet | From::Lan => opened(false),
        From::Host => opened(true),
        From::Container(name) => {
            let peer = estate.places().find(|place| place.service.name == *name);
            peer.is_some_and(|peer| is_peer(peer, to, &mine)) || opened(estate_is_stranger(estate, name))
        }
    };
    if allowed { now } else { Outcome::Blocked }
}

/// A container without identity is as good as the host itself.
fn estate_is_stranger(estate: &Estate, name: &str) -> bool {
    estate
        .places()
        .find(|place| place.service.name == name)
        .is_some_and(|place| identity(place.service).is_empty())
}

fn is_peer(peer: Place<'_>, to: Place<'_>, mine: &[(String, String)]) -> bool {
    let namespace = |place: Place<'_>| {
        let label = place.service.label("com.docker.compose.project");
        label.map_or_else(|| place.project.name.clone(), str::to_owned)
    };
    !mine.is_empty() && identity(peer.service) == mine && namespace(peer) == namespace(to)
}

fn identity(service: &Service) -> Vec<(String, String)> {
    let mut labels: Vec<(String, String)> = service
        .labels
        .iter()
        .filter(|(key, _)| {
            IDENTITY.contains(&key.value.as_str()) || key.value.starts_with("cofferdam.label.")
        })
        .map(|(key, value)| (key.value.clone(), value.clone()))
        .collect();
    labels.sort();
    labels
}
