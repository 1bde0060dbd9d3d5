//! What `docker inspect` says of containers and networks, saved or fresh from the engine. JSON keeps its places as
//! YAML does.

use std::sync::Arc;

use crate::model::{
    Mount, MountKind, Network, NetworkMode, NetworkUse, Origin, Port, PortRange, Project, Protocol, Service,
};
use crate::position::{Located, Position};
use crate::yaml::{self, Node};

mod swarm;
#[cfg(test)]
mod tests;

pub use swarm::add_swarm;

/// Reads a list of containers, of networks, of Swarm's services, or of several of them. `live` is the word for the engine
/// that answered: each is then named as `docker:NAME` instead of the file.
pub fn read(file: &str, bytes: &[u8], live: Option<&str>) -> Project {
    let name: Arc<str> = Arc::from(file);
    let text = String::from_utf8_lossy(bytes);
    let loaded = yaml::load(&name, &text);
    let mut project = Project {
        name: "engine".to_owned(),
        file: name,
        services: Vec::new(),
        networks: Vec::new(),
        notes: loaded.notes,
    };
    for document in &loaded.documents {
        for object in objects(document) {
            if object.get("HostConfig").is_some() {
                project.services.push(container(object, live));
            } else if object.get("Driver").is_some() && object.get("IPAM").is_some() {
                project.networks.push(network(object, live));
            }
        }
    }
    name_joined(&mut project);
    swarm::add(&mut project, &loaded.documents, live);
    project
}

fn objects(document: &Node) -> &[Node] {
    if document.is_map() {
        std::slice::from_ref(document)
    } else {
        document.items()
    }
}

fn container(node: &Node, live: Option<&str>) -> Service {
    let name = node
        .text_of("Name")
        .unwrap_or("?")
        .trim_start_matches('/')
        .to_owned();
    let reader = Reader {
        node,
        live: live.map(|engine| Position::start(format!("{engine}:{name}"))),
    };
    let mut service = Service::new(name, Origin::Inspect, reader.at(node));
    service.id = node.text_of("Id").map(str::to_owned);
    service.running = node.path(&["State", "Running"]).and_then(Node::truth);
    service.image = reader.text(&["Config", "Image"]);
    service.expose = reader.exposed();
    service.network_mode = reader
        .text(&["HostConfig", "NetworkMode"])
        .map(|mode| mode.map(|text| NetworkMode::parse(&text)));
    service.networks = reader.networks();
    service.ports = reader.ports();
    service.mounts = reader.mounts();
    service.devices = reader.devices();
    service.api_socket = reader.api_socket(&service.mounts);
    service.cap_add = reader.texts(&["HostConfig", "CapAdd"]);
    service.cap_drop = reader.texts(&["HostConfig", "CapDrop"]);
    service.privileged = node
        .path(&["HostConfig", "Privileged"])
        .filter(|value| value.truth() == Some(true))
        .map(|value| reader.at(value));
    service.pid = reader.text(&["HostConfig", "PidMode"]);
    service.ipc = reader.text(&["HostConfig", "IpcMode"]);
    service.uts = reader.text(&["HostConfig", "UTSMode"]);
    service.userns = reader.text(&["HostConfig", "UsernsMode"]);
    service.cgroup = reader.text(&["HostConfig", "CgroupnsMode"]);
    service.security = reader.texts(&["HostConfig", "SecurityOpt"]);
    service.user = reader
        .text(&["Config", "User"])
        .filter(|user| !user.value.is_empty());
    service.sysctls = reader.pairs(&["HostConfig", "Sysctls"]);
    service.labels = reader.pairs(&["Config", "Labels"]);
    service.environment = reader.environment();
    service.links = reader.texts(&["HostConfig", "Links"]);
    settle_bridge(&mut service);
    swarm::settle_copy(&mut service);
    service.extra_hosts = reader.extra_hosts();
    service
}

/// Podman says `bridge` whatever bridge it is, and calls its default one `podman`.
fn settle_bridge(service: &mut Service) {
    let default = |usage: &NetworkUse| matches!(usage.name.value.as_str(), "bridge" | "podman");
    let Some(first) = service.networks.first().map(|usage| usage.name.value.clone()) else {
        return;
    };
    if let Some(mode) = &mut service.network_mode
        && mode.value == NetworkMode::Bridge
        && !service.networks.iter().any(default)
    {
        mode.value = NetworkMode::Named(first);
    }
}

/// Where `use_api_socket` puts the engine's socket.
const API_SOCKET: &str = "/var/run/docker.sock";
/// What it tells the container of the credentials that it puts beside.
const CREDENTIALS: &str = "DOCKER_CONFIG=/run/secrets/docker";

struct Reader<'a> {
    node: &'a Node,
    /// The place of everything, for a container that runs.
    live: Option<Position>,
}

// === impl Reader ===

impl Reader<'_> {
    fn at(&self, node: &Node) -> Position {
        self.live.clone().unwrap_or_else(|| node.at.clone())
    }

    fn text(&self, path: &[&str]) -> Option<Located<String>> {
        let node = self.node.path(path)?;
        Some(Located::new(node.text()?.to_owned(), self.at(node)))
    }

    fn texts(&self, path: &[&str]) -> Vec<Located<String>> {
        let items = self.node.path(path).map(Node::items).unwrap_or_default();
        items
            .iter()
            .filter_map(|item| Some(Located::new(item.text()?.to_owned(), self.at(item))))
            .collect()
    }

    fn pairs(&self, path: &[&str]) -> Vec<(Located<String>, String)> {
        let entries = self.node.path(path).map(Node::entries).unwrap_or_default();
        entries
            .iter()
            .map(|entry| {
                let at = self.live.clone().unwrap_or_else(|| entry.key.at.clone());
                let value = entry.node.text().unwrap_or_default().to_owned();
                (Located::new(entry.key.value.clone(), at), value)
            })
            .collect()
    }

    fn extra_hosts(&self) -> Vec<(Located<String>, String)> {
        self.texts(&["HostConfig", "ExtraHosts"])
            .into_iter()
            .filter_map(|host| {
                let (name, address) = host.value.split_once([':', '='])?;
                Some((Located::new(name.to_owned(), host.at.clone()), address.to_owned()))
            })
            .collect()
    }

    fn exposed(&self) -> Vec<Located<PortRange>> {
        self.pairs(&["Config", "ExposedPorts"])
            .into_iter()
            .filter_map(|(key, _)| {
                let range = PortRange::parse(key.value.split('/').next()?)?;
                Some(Located::new(range, key.at))
            })
            .collect()
    }

    fn networks(&self) -> Vec<NetworkUse> {
        let entries = self
            .node
            .path(&["NetworkSettings", "Networks"])
            .map(Node::entries)
            .unwrap_or_default();
        let known = |node: &Node, keys: [&str; 2]| -> Vec<String> {
            let texts = keys.iter().filter_map(|key| node.text_of(key));
            texts.filter(|text| !text.is_empty()).map(str::to_owned).collect()
        };
        entries
            .iter()
            .map(|entry| NetworkUse {
                name: Located::new(
                    entry.key.value.clone(),
                    self.live.clone().unwrap_or_else(|| entry.key.at.clone()),
                ),
                addresses: known(&entry.node, ["IPAddress", "GlobalIPv6Address"]),
                gateways: known(&entry.node, ["Gateway", "IPv6Gateway"]),
            })
            .collect()
    }

    /// What was asked for (`PortBindings`), with the host's port that Docker chose where it was left open.
    fn ports(&self) -> Vec<Port> {
        let asked = self.node.path(&["HostConfig", "PortBindings"]);
        let given = self.node.path(&["NetworkSettings", "Ports"]);
        let mut ports = Vec::new();
        for entry in asked.map(Node::entries).unwrap_or_default() {
            let Some((number, protocol)) = entry.key.value.split_once('/') else {
                continue;
            };
            let (Some(target), Some(protocol)) = (PortRange::parse(number), Protocol::parse(protocol)) else {
                continue;
            };
            let chosen = given
                .and_then(|given| given.get(&entry.key.value))
                .and_then(|bindings| bindings.items().first())
                .and_then(|binding| binding.text_of("HostPort"))
                .and_then(PortRange::parse);
            for binding in entry.node.items() {
                let published = binding.text_of("HostPort").and_then(PortRange::parse);
                ports.push(Port {
                    host_ip: binding.text_of("HostIp").and_then(|ip| ip.parse().ok()),
                    published: published.filter(|range| range.first != 0).or(chosen),
                    target,
                    protocol,
                    host_mode: false,
                    at: self.at(binding),
                });
            }
        }
        ports
    }

    fn mounts(&self) -> Vec<Mount> {
        let items = self.node.get("Mounts").map(Node::items).unwrap_or_default();
        let mounts = items.iter().filter_map(|item| {
            let kind = match item.text_of("Type")? {
                "bind" => MountKind::Bind,
                "volume" => MountKind::Volume,
                "tmpfs" => MountKind::Tmpfs,
                _ => MountKind::Other,
            };
            let name = if kind == MountKind::Volume {
                "Name"
            } else {
                "Source"
            };
            Some(Mount {
                kind,
                source: item.text_of(name).map(str::to_owned),
                device: None,
                target: item.text_of("Destination")?.to_owned(),
                read_only: item.get("RW").and_then(Node::truth) == Some(false),
                at: self.at(item),
            })
        });
        mounts.collect()
    }

    fn environment(&self) -> Vec<(Located<String>, Option<String>)> {
        let settings = self.texts(&["Config", "Env"]).into_iter();
        let split = |setting: Located<String>| {
            let value = setting.value.split_once('=').map(|(_, value)| value.to_owned());
            let name = |text: String| text.split('=').next().unwrap_or_default().to_owned();
            (setting.map(name), value)
        };
        settings.map(split).collect()
    }

    /// `--use-api-socket` and `use_api_socket` leave two traces: the socket, and where clients find the credentials.
    fn api_socket(&self, mounts: &[Mount]) -> Option<Position> {
        let socket = mounts
            .iter()
            .find(|mount| mount.kind == MountKind::Bind && mount.target == API_SOCKET)?;
        let environment = self.texts(&["Config", "Env"]);
        let told = environment.iter().any(|setting| setting.value == CREDENTIALS);
        told.then(|| socket.at.clone())
    }

    fn devices(&self) -> Vec<Located<String>> {
        let items = self
            .node
            .path(&["HostConfig", "Devices"])
            .map(Node::items)
            .unwrap_or_default();
        items
            .iter()
            .filter_map(|item| {
                Some(Located::new(
                    item.text_of("PathOnHost")?.to_owned(),
                    self.at(item),
                ))
            })
            .collect()
    }
}

fn network(node: &Node, live: Option<&str>) -> Network {
    let key = node.text_of("Name").unwrap_or("?").to_owned();
    let at = match live {
        Some(engine) => Position::start(format!("{engine}:network {key}")),
        None => node.at.clone(),
    };
    let place = |node: &Node| {
        if live.is_some() {
            at.clone()
        } else {
            node.at.clone()
        }
    };
    let ipam = node
        .path(&["IPAM", "Config"])
        .map(Node::items)
        .unwrap_or_default();
    let of_ipam = |key: &str| {
        ipam.iter()
            .filter_map(|item| item.text_of(key).map(str::to_owned))
            .collect()
    };
    let options = node.get("Options").map(Node::entries).unwrap_or_default();
    let told: Vec<String> = of_ipam("Gateway");
    // Podman prints the address that there is not as `<nil>`.
    let without_gateway = told.iter().any(|gateway| gateway == "<nil>");
    let gateways = told.into_iter().filter(|gateway| gateway != "<nil>").collect();
    Network {
        name: None,
        driver: node
            .get("Driver")
            .and_then(|driver| Some(Located::new(driver.text()?.to_owned(), place(driver)))),
        options: options
            .iter()
            .map(|entry| {
                let value = entry.node.text().unwrap_or_default().to_owned();
                (Located::new(entry.key.value.clone(), place(&entry.node)), value)
            })
            .collect(),
        internal: node.get("Internal").and_then(Node::truth) == Some(true),
        external: false,
        ipv6: node.get("EnableIPv6").and_then(Node::truth) == Some(true),
        subnets: of_ipam("Subnet"),
        gateways,
        without_gateway,
        key,
        at,
    }
}

/// `container:ID` becomes the name where that container is in the list.
pub fn name_joined(project: &mut Project) {
    let names: Vec<(String, String)> = project
        .services
        .iter()
        .filter_map(|service| Some((service.id.clone()?, service.name.clone())))
        .collect();
    for service in &mut project.services {
        if let Some(mode) = &mut service.network_mode
            && let NetworkMode::Container(id) = &mode.value
            && let Some((_, name)) = names.iter().find(|(known, _)| known == id)
        {
            mode.value = NetworkMode::Container(name.clone());
        }
    }
}
