//! What `docker service inspect` says of Swarm's services: containers do not know the ports that the mesh opens.

use std::sync::Arc;

use super::objects;
use crate::model::{NetworkUse, Origin, Port, PortRange, Project, Protocol, Service};
use crate::position::{Located, Position};
use crate::yaml::{self, Node};

/// The label by which a container names its service.
const COPY_OF: &str = "com.docker.swarm.service.name";

/// Adds a fresh list of services (`GET /services`) to the containers that run for them on this node.
pub fn add_swarm(project: &mut Project, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let loaded = yaml::load(&Arc::from("engine:services"), &text);
    project.notes.extend(loaded.notes);
    add(project, &loaded.documents, Some("docker"));
}

/// What a copy publishes itself is `mode: host`; its network's mode is "default" whatever it joins.
pub(super) fn settle_copy(service: &mut Service) {
    if service.label(COPY_OF).is_none() {
        return;
    }
    service.ports.iter_mut().for_each(|port| port.host_mode = true);
    let bridged = service.networks.iter().any(|usage| usage.name.value == "bridge");
    service.network_mode = service.network_mode.take().filter(|_| bridged);
}

/// The mesh opens a port once on each node: one container gets it, or where none runs here the service itself.
pub(super) fn add(project: &mut Project, documents: &[Node], live: Option<&str>) {
    for node in documents.iter().flat_map(objects) {
        let Some(name) = node.path(&["Spec", "Name"]).and_then(Node::text) else {
            continue;
        };
        let ports = mesh_ports(
            node,
            live.map(|engine| Position::start(format!("{engine}:service {name}"))),
        );
        if ports.is_empty() {
            continue;
        }
        let copy = project
            .services
            .iter_mut()
            .find(|service| service.label(COPY_OF) == Some(name));
        match copy {
            Some(copy) => copy.ports.extend(ports),
            None => project.services.push(without_copy(node, name, ports)),
        }
    }
}

fn without_copy(node: &Node, name: &str, ports: Vec<Port>) -> Service {
    let at = ports
        .first()
        .map_or_else(|| node.at.clone(), |port| port.at.clone());
    let mut service = Service::new(name, Origin::Swarm, at.clone());
    service.image = node
        .path(&["Spec", "TaskTemplate", "ContainerSpec", "Image"])
        .and_then(Node::text)
        .map(|image| Located::new(image.to_owned(), at.clone()));
    service.networks = vec![NetworkUse {
        name: Located::new("ingress".to_owned(), at),
        addresses: Vec::new(),
        gateways: Vec::new(),
    }];
    service.ports = ports;
    service.swarm = true;
    service
}

/// Ports of `mode: host` are left out: the containers have them as ports of their own.
fn mesh_ports(node: &Node, live: Option<Position>) -> Vec<Port> {
    let listed = node.path(&["Endpoint", "Ports"]).map(Node::items);
    let ports = listed.unwrap_or_default().iter().filter_map(|port| {
        let mesh = port.text_of("PublishMode").unwrap_or("ingress") == "ingress";
        let number = |key: &str| port.text_of(key).and_then(PortRange::parse);
        mesh.then_some(())?;
        Some(Port {
            host_ip: None,
            published: Some(number("PublishedPort")?),
            target: number("TargetPort")?,
            protocol: Protocol::parse(port.text_of("Protocol")?)?,
            host_mode: false,
            at: live.clone().unwrap_or_else(|| port.at.clone()),
        })
    });
    ports.collect()
}
