//! What Cofferdam gives back to a service on the host's network, by its labels: as far as rules speak about it. That a label
//! parses, and what an operator's configuration adds, only the daemon knows.

use std::net::IpAddr;

use crate::model::Service;

/// The labels that say who a service is; `cofferdam.label.*` besides.
const IDENTITY: [&str; 7] = [
    "app",
    "role",
    "tier",
    "env",
    "app.kubernetes.io/name",
    "app.kubernetes.io/component",
    "app.kubernetes.io/part-of",
];

/// Whether some label says who it is, or asks for protection.
pub(super) fn is_known(service: &Service) -> bool {
    service.labels.iter().any(|(key, _)| {
        let key = key.value.as_str();
        IDENTITY.contains(&key) || key == "cofferdam.protect" || key.starts_with("cofferdam.label.")
    })
}

/// Whether denials are carried out for it, where Cofferdam runs.
pub(super) fn is_protected(service: &Service) -> bool {
    let says = |key, value| service.label(key) == Some(value);
    is_known(service) && !says("cofferdam.protect", "false") && !says("cofferdam.mode", "observe")
}

/// What it does not declare is refused.
pub(super) fn is_strict(service: &Service) -> bool {
    is_protected(service) && service.label("cofferdam.contain") == Some("strict")
}

/// 127.0.0.1 and `::1` are its own.
pub(super) fn has_own_loopback(service: &Service) -> bool {
    match service.label("cofferdam.loopback") {
        None => is_strict(service),
        Some(loopback) => is_protected(service) && loopback != "host",
    }
}

/// Whether `cofferdam.allow` has such an item.
pub(super) fn allows(service: &Service, word: &str) -> bool {
    items(service, "cofferdam.allow").any(|item| item.split(':').next() == Some(word))
}

/// Whether a label opens something to a peer.
pub(super) fn opens(service: &Service, key: &str, peer: &str) -> bool {
    items(service, key).any(|item| item.split(':').next() == Some(peer))
}

/// Whether that is the private loopback of some workload: 127.64.0.0/10, fd63:6f66:6665:7264:616d::/96.
pub(super) fn is_somebodys_own(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets()[0] == 127 && v4.octets()[1] & 0xc0 == 0x40,
        IpAddr::V6(v6) => v6.segments()[..6] == [0xfd63, 0x6f66, 0x6665, 0x7264, 0x616d, 0],
    }
}

/// Whether `cofferdam.bind` or strictness leaves it declared ports alone.
pub(super) fn limits_ports(service: &Service) -> bool {
    is_strict(service) || (is_protected(service) && service.label("cofferdam.bind").is_some())
}

/// What is really bound for a port: another one, or one of an address of its own, which is `None`.
pub(super) fn really(service: &Service, port: u16) -> Option<u16> {
    if !is_protected(service) {
        return Some(port);
    }
    let moved = items(service, "cofferdam.bind").find_map(|item| {
        let (ports, to) = item.split_once('=')?;
        let index = index_in(ports, port)?;
        Some(match to.rsplit_once(':') {
            Some(_) => None,
            None => to.parse::<u16>().ok().and_then(|first| first.checked_add(index)),
        })
    });
    moved.unwrap_or(Some(port))
}

/// Whether `cofferdam.bind` declares a port, by the number that the service knows or by the real one.
pub(super) fn declares(service: &Service, port: u16) -> bool {
    items(service, "cofferdam.bind").any(|item| {
        let (ports, to) = item.split_once('=').unwrap_or((item, item));
        let first = to.rsplit(':').next().and_then(|first| first.parse::<u16>().ok());
        let range = range_of(ports);
        let moved = range.zip(first).is_some_and(|((from, last), first)| {
            (first..=first.saturating_add(last.saturating_sub(from))).contains(&port)
        });
        moved || index_in(ports, port).is_some()
    })
}

/// Where it is said that ports may be moved.
pub(super) fn offer(port: u16) -> String {
    let to = match port.checked_add(10_000) {
        _ if port < 1024 => 8000 + port,
        Some(moved) => moved,
        None => port - 10_000,
    };
    format!("label `cofferdam.bind: \"{port}={to}\"`")
}

fn items<'a>(service: &'a Service, key: &str) -> impl Iterator<Item = &'a str> {
    let value = service.label(key).unwrap_or_default();
    value.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn index_in(ports: &str, port: u16) -> Option<u16> {
    let (first, last) = range_of(ports)?;
    (first..=last).contains(&port).then(|| port - first)
}

fn range_of(ports: &str) -> Option<(u16, u16)> {
    let range = ports.split('/').next().unwrap_or(ports);
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    Some((first.parse().ok()?, last.parse().ok()?))
}

#[cfg(test)]
mod tests;
