//! Questions that several rules ask. A rule's own file holds its judgement and its words; facts are here.

use std::net::IpAddr;

use crate::finding::Severity;
use crate::host::{Gate, Host, Listener, Sender};
use crate::model::{Estate, Mount, MountKind, Place, Port, Reach};

/// Ports that Docker really publishes, with their services: it ignores those of host mode, of internal networks and
/// of macvlan, and refuses them where the network is another's.
pub(super) fn published(estate: &Estate) -> impl Iterator<Item = (Place<'_>, &Port)> {
    estate
        .places()
        .filter(|place| {
            let alone = estate.joined(*place).is_empty();
            let bridged = !place.is_internal() && !place.is_on_lan();
            alone && bridged && !matches!(estate.reach(*place), Reach::Host | Reach::None)
        })
        .flat_map(|place| place.service.ports.iter().map(move |port| (place, port)))
}

/// The address that a port takes, the engine's default considered.
pub(super) fn host_ip(estate: &Estate, port: &Port) -> Option<IpAddr> {
    let default = estate
        .engine
        .as_ref()
        .and_then(|engine| engine.default_ip.as_ref());
    port.host_ip
        .or_else(|| default.and_then(|ip| ip.value.parse().ok()))
        .filter(|ip| !ip.is_unspecified())
}

/// Every address of the host.
pub(super) fn is_wildcard(estate: &Estate, port: &Port) -> bool {
    host_ip(estate, port).is_none()
}

/// How much worse or better an opening to every address is on this host, and the fact that makes it so.
pub(super) fn outside(estate: &Estate, port: &Port, severity: Severity) -> (Severity, String) {
    let Some(host) = &estate.host else {
        return (severity, String::new());
    };
    if host.firewall.drops_forward(port) {
        return (
            severity.better(),
            "; a rule in DOCKER-USER drops what comes from outside".to_owned(),
        );
    }
    match host.public_addresses().next() {
        Some(public) => (
            severity.worse(),
            format!("; this host has the public address {}", public.address.addr()),
        ),
        None => (severity, "; this host has no public address".to_owned()),
    }
}

/// What a host-mode container listens on beside loopback, and how open the firewall leaves that to the LAN.
pub(super) fn outer_listeners<'a>(
    host: &'a Host,
    place: Place<'a>,
) -> impl Iterator<Item = (&'a Listener, Gate)> {
    let id = place.service.id.as_deref();
    host.listeners
        .iter()
        .filter(move |listener| listener.is_of(id) && !listener.address.is_loopback())
        .map(|listener| (listener, host.gate(listener, Sender::Lan)))
}

/// The engine's socket itself: `docker.sock` at any place.
pub(super) fn is_engine_socket(mount: &Mount) -> bool {
    let named = |path: &str| path.rsplit('/').next() == Some("docker.sock");
    let path = mount.host_path();
    mount.kind == MountKind::Bind
        && (path.as_deref().is_some_and(named) || (path.is_some() && named(&mount.target)))
}

/// A folder that holds the engine's socket.
pub(super) fn holds_engine_socket(mount: &Mount) -> bool {
    !is_engine_socket(mount)
        && ["/run/docker.sock", "/var/run/docker.sock"]
            .iter()
            .any(|socket| mount.holds(socket))
}

/// How a service can command the engine, if it can.
pub(super) fn commands_engine(place: Place<'_>) -> Option<String> {
    let mount = place
        .service
        .mounts
        .iter()
        .find(|mount| is_engine_socket(mount) || holds_engine_socket(mount));
    match (mount, &place.service.api_socket) {
        (Some(mount), _) => Some(format!("mounts {}", mount.host_path().unwrap_or_default())),
        (None, Some(_)) => Some("has `use_api_socket`".to_owned()),
        (None, None) => None,
    }
}

/// A proxy whose purpose is to hand out a part of the engine's API.
pub(super) fn is_socket_proxy(place: Place<'_>) -> bool {
    place
        .service
        .image_name()
        .is_some_and(|image| image.contains("socket-proxy") || image.contains("socket_proxy"))
}

/// `1 service`, `2 services`.
pub(super) fn count(number: usize, word: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {word}{plural}")
}

/// `postgres on 5432, sshd on 22`, cut where it becomes long.
pub(super) fn list(items: &[String]) -> String {
    const MOST: usize = 8;
    let mut text = items.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
    if items.len() > MOST {
        text.push_str(&format!(" and {} more", items.len() - MOST));
    }
    text
}
