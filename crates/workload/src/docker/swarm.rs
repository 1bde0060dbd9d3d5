//! What Swarm adds to a container: the interface that overlay networks give it on the host, the ports and virtual addresses
//! of its service. None of it is in the container's inspection. Pure.

use std::net::IpAddr;

use bollard::models::{
    ContainerInspectResponse, EndpointPortConfig, EndpointPortConfigProtocolEnum as Transport,
    EndpointPortConfigPublishModeEnum as PublishMode, NetworkInspect, Service,
};
use cofferdam_policy::Protocol;

use crate::{Container, PublishedPort};

/// The bridge on which a container gets a second interface when none of its networks leads to the host.
pub(super) const GATEWAY: &str = "docker_gwbridge";

const SERVICE_ID: &str = "com.docker.swarm.service.id";

/// Whether it may have an interface on [`GATEWAY`]: it is on networks, and none of them has a gateway.
pub(super) fn has_gateway(answer: &ContainerInspectResponse) -> bool {
    let networks = answer
        .network_settings
        .as_ref()
        .and_then(|settings| settings.networks.as_ref());
    let mut ends = networks.into_iter().flat_map(|all| all.values()).peekable();
    ends.peek().is_some()
        && ends.all(|end| {
            end.ip_address.as_deref().is_some_and(|ip| !ip.is_empty())
                && end.gateway.as_deref().unwrap_or_default().is_empty()
        })
}

/// The id of the service whose task the container is.
pub(super) fn service_of(answer: &ContainerInspectResponse) -> Option<&str> {
    let labels = answer.config.as_ref()?.labels.as_ref()?;
    labels.get(SERVICE_ID).map(String::as_str)
}

/// Adds the container's addresses on [`GATEWAY`].
pub(super) fn add_gateway(container: &mut Container, network: &NetworkInspect) {
    let end = network
        .containers
        .as_ref()
        .and_then(|all| all.get(container.id.as_str()));
    let texts = end
        .into_iter()
        .flat_map(|end| [end.ipv4_address.as_deref(), end.ipv6_address.as_deref()]);
    container.addresses.extend(texts.flatten().filter_map(address));
    container.addresses.sort_unstable();
    container.addresses.dedup();
}

/// Adds the service's ports that the routing mesh publishes (those of mode `host` are the container's own) and its virtual
/// addresses.
pub(super) fn add_service(container: &mut Container, service: &Service) {
    let Some(endpoint) = &service.endpoint else { return };
    let ports = endpoint.ports.iter().flatten().filter_map(meshed);
    container.published.extend(ports);
    container.published.sort_unstable();
    container.published.dedup();
    let virtual_ips = endpoint.virtual_ips.iter().flatten();
    container.virtual_addresses = virtual_ips
        .filter_map(|ip| address(ip.addr.as_deref()?))
        .collect();
    container.virtual_addresses.sort_unstable();
}

/// A port of the routing mesh: open at every address of the host.
fn meshed(port: &EndpointPortConfig) -> Option<PublishedPort> {
    if port.publish_mode == Some(PublishMode::HOST) {
        return None;
    }
    let protocol = match port.protocol.unwrap_or(Transport::TCP) {
        Transport::TCP | Transport::EMPTY => Protocol::TCP,
        Transport::UDP => Protocol::UDP,
        Transport::SCTP => Protocol(132),
    };
    let number = |port: Option<i64>| {
        port.and_then(|port| u16::try_from(port).ok())
            .filter(|port| *port != 0)
    };
    Some(PublishedPort {
        protocol,
        container_port: number(port.target_port)?,
        host_ip: None,
        host_port: number(port.published_port),
    })
}

/// `10.0.1.6/24` → 10.0.1.6.
fn address(text: &str) -> Option<IpAddr> {
    text.split_once('/').map_or(text, |(ip, _)| ip).parse().ok()
}

#[cfg(test)]
mod tests;
