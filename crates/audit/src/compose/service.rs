//! From a tree to services and networks, in long and short syntax.

use super::volumes::{Volumes, mount};
use crate::model::{Network, NetworkMode, NetworkUse, Origin, Port, PortRange, Project, Protocol, Service};
use crate::position::{Located, Note};
use crate::yaml::{Entry, Node, Value};

/// Reads every service and network of a whole tree into `project`.
pub(super) fn services(tree: &Node, project: &mut Project, notes: &mut Vec<Note>) {
    for entry in tree.get("networks").map(Node::entries).unwrap_or_default() {
        project.networks.retain(|other| other.key != entry.key.value);
        project.networks.push(network(entry));
    }
    let volumes = Volumes::of(tree);
    let Some(list) = tree.get("services") else { return };
    for entry in list.entries() {
        if !entry.node.is_map() {
            if !entry.node.is_null() {
                note(
                    notes,
                    &entry.node,
                    format!("service `{}` is no mapping, left out", entry.key.value),
                );
            }
            continue;
        }
        if entry.node.tag == Some(crate::yaml::Tag::Reset) {
            continue;
        }
        let service = service(entry, &volumes, notes);
        project.services.retain(|other| other.name != service.name);
        project.services.push(service);
    }
}

fn service(entry: &Entry, volumes: &Volumes, notes: &mut Vec<Note>) -> Service {
    let node = &entry.node;
    let mut service = Service::new(entry.key.value.clone(), Origin::Compose, entry.key.at.clone());
    let located = |key: &str| node.get(key).and_then(Node::located);
    let texts = |key: &str| -> Vec<Located<String>> {
        let items = node.get(key).map(Node::one_or_many).unwrap_or_default();
        items.iter().filter_map(Node::located).collect()
    };
    service.container_name = node.text_of("container_name").map(str::to_owned);
    service.image = located("image");
    // Version 1 called it `net`.
    service.network_mode = located("network_mode")
        .or_else(|| located("net"))
        .map(|mode| mode.map(|text| NetworkMode::parse(&text)));
    service.networks = network_uses(node);
    service.expose = expose(node);
    service.ports = ports(node, notes);
    service.mounts = mounts(node, volumes, notes);
    service.devices = devices(node);
    isolation(node, &mut service);
    let pairs = |key: &str, separator: char| -> Vec<(Located<String>, String)> {
        let pairs = node
            .get(key)
            .map(|node| node.pairs(separator))
            .unwrap_or_default();
        pairs
            .into_iter()
            .map(|(key, value)| (key, value.unwrap_or_default()))
            .collect()
    };
    service.sysctls = pairs("sysctls", '=');
    service.extra_hosts = extra_hosts(node);
    service.links = texts("links")
        .into_iter()
        .chain(texts("external_links"))
        .collect();
    service.labels = pairs("labels", '=');
    service.environment = node
        .get("environment")
        .map(|node| node.pairs('='))
        .unwrap_or_default();
    service.swarm = is_for_swarm(node);
    service
}

/// What it shares with the host, and what it may do.
fn isolation(node: &Node, service: &mut Service) {
    let located = |key: &str| node.get(key).and_then(Node::located);
    let texts = |key: &str| -> Vec<Located<String>> {
        let items = node.get(key).map(Node::one_or_many).unwrap_or_default();
        items.iter().filter_map(Node::located).collect()
    };
    service.cap_add = texts("cap_add");
    service.cap_drop = texts("cap_drop");
    service.privileged = node
        .get("privileged")
        .filter(|value| value.truth() == Some(true))
        .map(|value| value.at.clone());
    service.pid = located("pid");
    service.ipc = located("ipc");
    service.uts = located("uts");
    service.userns = located("userns_mode");
    service.cgroup = located("cgroup");
    service.security = texts("security_opt");
    service.user = located("user");
    service.api_socket = node
        .get("use_api_socket")
        .filter(|value| value.truth() == Some(true))
        .map(|value| value.at.clone());
}

/// A `deploy` section with more than compose itself reads.
fn is_for_swarm(node: &Node) -> bool {
    node.get("deploy").is_some_and(|deploy| {
        ["mode", "replicas", "placement", "endpoint_mode", "update_config"]
            .iter()
            .any(|key| deploy.get(key).is_some())
    })
}

fn network_uses(node: &Node) -> Vec<NetworkUse> {
    let usage = |name: Located<String>, node: Option<&Node>| NetworkUse {
        name,
        addresses: node
            .map(|node| {
                ["ipv4_address", "ipv6_address"]
                    .iter()
                    .filter_map(|key| node.text_of(key).map(str::to_owned))
                    .collect()
            })
            .unwrap_or_default(),
        gateways: Vec::new(),
    };
    match node.get("networks").map(|networks| &networks.value) {
        Some(Value::Map(entries)) => entries
            .iter()
            .map(|entry| usage(entry.key.clone(), Some(&entry.node)))
            .collect(),
        Some(Value::List(items)) => items
            .iter()
            .filter_map(|item| Some(usage(item.located()?, None)))
            .collect(),
        _ => Vec::new(),
    }
}

fn expose(node: &Node) -> Vec<Located<PortRange>> {
    let items = node.get("expose").map(Node::one_or_many).unwrap_or_default();
    items
        .iter()
        .filter_map(|item| {
            let text = item.text()?;
            let range = PortRange::parse(text.split('/').next().unwrap_or(text))?;
            Some(Located::new(range, item.at.clone()))
        })
        .collect()
}

fn ports(node: &Node, notes: &mut Vec<Note>) -> Vec<Port> {
    let items = node.get("ports").map(Node::one_or_many).unwrap_or_default();
    let mut ports = Vec::new();
    for item in items {
        let port = if item.is_map() {
            long_port(item)
        } else {
            item.text().and_then(|text| Port::parse(text, &item.at))
        };
        let port = port.or_else(|| unknown_port(item, notes));
        match port {
            Some(port) => ports.push(port),
            None if item.is_null() => {}
            None => note(
                notes,
                item,
                format!(
                    "port `{}` is not understood, left out",
                    item.text().unwrap_or("?")
                ),
            ),
        }
    }
    ports
}

/// `0.0.0.0:${PORT}:${PORT}` without the variable: something is published, nobody knows what.
fn unknown_port(item: &Node, notes: &mut Vec<Note>) -> Option<Port> {
    let text = item.text()?;
    let (text, protocol) = text.rsplit_once('/').unwrap_or((text, "tcp"));
    let protocol = Protocol::parse(protocol)?;
    let address = text.trim_end_matches(':');
    let host_ip = if address.is_empty() {
        None
    } else {
        Some(address.parse().ok()?)
    };
    if address.len() == text.len() {
        return None;
    }
    note(
        notes,
        item,
        "a port without number, because a variable is not set".to_owned(),
    );
    Some(Port {
        host_ip,
        published: None,
        target: PortRange::one(0),
        protocol,
        host_mode: false,
        at: item.at.clone(),
    })
}

fn long_port(item: &Node) -> Option<Port> {
    let target = PortRange::parse(item.text_of("target")?)?;
    let published = match item.text_of("published") {
        None | Some("" | "0") => None,
        Some(text) => Some(PortRange::parse(text)?),
    };
    let host_ip = item.text_of("host_ip").filter(|text| !text.is_empty());
    let host_ip = match host_ip {
        None => None,
        Some(text) => Some(text.trim_matches(['[', ']']).parse().ok()?),
    };
    Some(Port {
        host_ip,
        published,
        target,
        protocol: item
            .text_of("protocol")
            .map_or(Some(Protocol::Tcp), Protocol::parse)?,
        host_mode: item.text_of("mode") == Some("host"),
        at: item.at.clone(),
    })
}

fn mounts(node: &Node, volumes: &Volumes, notes: &mut Vec<Note>) -> Vec<crate::model::Mount> {
    let items = node.get("volumes").map(Node::one_or_many).unwrap_or_default();
    let mut mounts = Vec::new();
    for item in items {
        match mount(item, volumes) {
            Some(mount) => mounts.push(mount),
            None if item.is_null() => {}
            None => note(notes, item, "a volume without target, left out".to_owned()),
        }
    }
    mounts
}

fn devices(node: &Node) -> Vec<Located<String>> {
    let items = node.get("devices").map(Node::one_or_many).unwrap_or_default();
    items
        .iter()
        .filter_map(|item| {
            let text = item.text().or_else(|| item.text_of("source"))?;
            let path = text.split(':').next().unwrap_or(text);
            Some(Located::new(path.to_owned(), item.at.clone()))
        })
        .collect()
}

/// `name:address`, `name=address`, or a mapping; an address may hold colons.
fn extra_hosts(node: &Node) -> Vec<(Located<String>, String)> {
    let Some(node) = node.get("extra_hosts") else {
        return Vec::new();
    };
    match &node.value {
        Value::Map(entries) => entries
            .iter()
            .flat_map(|entry| {
                let addresses = entry.node.one_or_many().iter();
                addresses.filter_map(|address| Some((entry.key.clone(), address.text()?.to_owned())))
            })
            .collect(),
        _ => node
            .one_or_many()
            .iter()
            .filter_map(|item| {
                let (name, address) = item.text()?.split_once(['=', ':'])?;
                Some((Located::new(name.to_owned(), item.at.clone()), address.to_owned()))
            })
            .collect(),
    }
}

fn network(entry: &Entry) -> Network {
    let node = &entry.node;
    let ipam = node
        .path(&["ipam", "config"])
        .map(Node::items)
        .unwrap_or_default();
    let of_ipam = |key: &str| {
        ipam.iter()
            .filter_map(|item| item.text_of(key).map(str::to_owned))
            .collect()
    };
    let external = node.get("external");
    let options = node
        .get("driver_opts")
        .map(|node| node.pairs('='))
        .unwrap_or_default();
    Network {
        key: entry.key.value.clone(),
        name: node
            .text_of("name")
            .or_else(|| external.and_then(|external| external.text_of("name")))
            .map(str::to_owned),
        at: entry.key.at.clone(),
        driver: node.get("driver").and_then(Node::located),
        options: options
            .into_iter()
            .map(|(key, value)| (key, value.unwrap_or_default()))
            .collect(),
        internal: node.get("internal").and_then(Node::truth) == Some(true),
        external: external.is_some_and(|external| external.is_map() || external.truth() == Some(true)),
        ipv6: node.get("enable_ipv6").and_then(Node::truth) == Some(true),
        subnets: of_ipam("subnet"),
        gateways: of_ipam("gateway"),
        without_gateway: false,
    }
}

fn note(notes: &mut Vec<Note>, node: &Node, text: String) {
    notes.push(Note {
        at: node.at.clone(),
        text,
    });
}
