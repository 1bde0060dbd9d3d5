//! Networks, and how a container is connected.

use crate::position::{Located, Position};

/// `network_mode`, as Docker reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkMode {
    /// The host's own network.
    Host,
    /// None but its own loopback.
    None,
    /// Docker's default bridge.
    Bridge,
    /// The network of another service of the project.
    Service(String),
    /// The network of another container.
    Container(String),
    /// A network by name.
    Named(String),
}

/// A network that a service joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkUse {
    /// Its key in the project, or its name on the engine.
    pub name: Located<String>,
    /// Its addresses there, where they are known.
    pub addresses: Vec<String>,
    /// The gateway's addresses.
    pub gateways: Vec<String>,
}

/// A network as it is declared or as the engine has it.
#[derive(Clone, Debug)]
pub struct Network {
    /// Its key in the file, or its name on the engine.
    pub key: String,
    /// Its name on the engine, where one is given.
    pub name: Option<String>,
    /// Where.
    pub at: Position,
    /// `bridge` where nothing is said.
    pub driver: Option<Located<String>>,
    /// Driver options.
    pub options: Vec<(Located<String>, String)>,
    /// No way out.
    pub internal: bool,
    /// Made elsewhere.
    pub external: bool,
    /// `enable_ipv6`.
    pub ipv6: bool,
    /// Subnets.
    pub subnets: Vec<String>,
    /// Gateways.
    pub gateways: Vec<String>,
    /// The engine says that it has none: the host has no address there (Podman's internal networks).
    pub without_gateway: bool,
}

// === impl NetworkMode ===

impl NetworkMode {
    /// As Docker and compose spell it; empty and `default` are the bridge.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        match text {
            "host" => Self::Host,
            "none" => Self::None,
            "bridge" | "default" | "" => Self::Bridge,
            _ => match text.split_once(':') {
                Some(("service", name)) => Self::Service(name.trim().to_owned()),
                Some(("container", name)) => Self::Container(name.trim().to_owned()),
                _ => Self::Named(text.to_owned()),
            },
        }
    }
}

impl std::fmt::Display for NetworkMode {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Host => out.write_str("host"),
            Self::None => out.write_str("none"),
            Self::Bridge => out.write_str("bridge"),
            Self::Service(name) => write!(out, "service:{name}"),
            Self::Container(name) => write!(out, "container:{name}"),
            Self::Named(name) => out.write_str(name),
        }
    }
}

// === impl Network ===

impl Network {
    /// A driver option.
    pub fn option(&self, key: &str) -> Option<(&str, &Position)> {
        self.options
            .iter()
            .find(|(name, _)| name.value == key)
            .map(|(name, value)| (value.as_str(), &name.at))
    }
}
