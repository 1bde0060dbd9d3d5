//! A container as the rest of Cofferdam sees it: facts only, in our own words, whatever Docker's version.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use cofferdam_policy::{Labels, Protocol};
use serde::{Deserialize, Serialize};

/// A container's full id: 64 lower-case hexadecimal digits. The name of its cgroup holds it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContainerId(String);

/// What was given is no full container id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a container id (64 hexadecimal digits)")]
pub struct InvalidId(pub String);

/// One container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Its full id.
    pub id: ContainerId,
    /// Its name, without Docker's leading slash.
    pub name: String,
    /// The image as its creator wrote it, e.g. `nginx:1.27`.
    pub image: String,
    /// The creator's labels: the image's pairs and the runtimes' own are removed.
    pub labels: Labels,
    /// Policy namespace: the compose project, or `default`.
    pub namespace: String,
    /// The network mode its creator asked for.
    pub network_mode: NetworkMode,
    /// Whether it runs in the host's network namespace, itself or through the container it joined.
    pub host_network: bool,
    /// The container whose network namespace it shares: the end of the chain. `None` for a container with a namespace
    /// of its own, and for one whose owner is missing (such a container cannot start).
    pub netns_owner: Option<ContainerId>,
    /// Published ports as its creator wrote them, in host mode too. A joined container has none of its own; those of
    /// its `netns_owner` count for it.
    pub published: Vec<PublishedPort>,
    /// Ports that its image or its creator declared (`EXPOSE`, `--expose`), published or not.
    #[serde(default)]
    pub exposed: Vec<(Protocol, u16)>,
    /// Whether its programs may have NET_RAW: Docker gives it unless it is dropped.
    #[serde(default = "yes")]
    pub net_raw: bool,
    /// Its addresses on all networks, or its owner's. Empty until it runs, and in host mode.
    pub addresses: Vec<IpAddr>,
    /// The virtual addresses of its Swarm service, or its owner's: what arrives there goes to one of the service's tasks.
    #[serde(default)]
    pub virtual_addresses: Vec<IpAddr>,
    /// Its first process, seen from the host; `None` unless it runs.
    pub pid: Option<u32>,
    /// What it is doing.
    pub state: ContainerState,
    /// The DNS servers it asks. 127.0.0.11 is Docker's own.
    pub resolvers: Vec<IpAddr>,
    /// Its cgroup's directory on cgroup2, absolute; `None` unless it runs.
    pub cgroup: Option<PathBuf>,
    /// The parent its creator chose with `--cgroup-parent`, below the cgroup2 root, relative. Its cgroup appears there
    /// and not below the engine's own parent, so it has to be watched too.
    pub cgroup_parent: Option<PathBuf>,
}

/// Which network a container was given.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkMode {
    /// Only loopback.
    None,
    /// Docker's default bridge.
    Bridge,
    /// The host's own network namespace.
    Host,
    /// Another container's namespace: that container's id or name, as Docker gives it.
    Container(String),
    /// A network of the user's (bridge, macvlan, overlay, …), by name or id.
    Network(String),
}

/// A port that `-p` (or `-P`) opened.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PublishedPort {
    /// TCP, UDP or SCTP.
    pub protocol: Protocol,
    /// The port inside the container.
    pub container_port: u16,
    /// The host address: `None` is every address of both families, `0.0.0.0` every IPv4 and `::` every IPv6 address.
    pub host_ip: Option<IpAddr>,
    /// The host port; `None` while Docker has not chosen one.
    pub host_port: Option<u16>,
}

/// What a container is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContainerState {
    /// Created, never started: it has no cgroup yet.
    Created,
    /// Running.
    Running,
    /// Frozen; its sockets live.
    Paused,
    /// Between two runs of its restart policy.
    Restarting,
    /// Being removed.
    Removing,
    /// Its process has ended.
    Exited,
    /// Removal failed.
    Dead,
}

/// What an older version did not write down.
const fn yes() -> bool {
    true
}

// === impl ContainerId ===

impl ContainerId {
    /// Checks and takes an id.
    pub fn new(id: impl Into<String>) -> Result<Self, InvalidId> {
        let id = id.into();
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if id.len() == 64 && id.bytes().all(hex) {
            Ok(Self(id))
        } else {
            Err(InvalidId(id))
        }
    }

    /// All 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 digits, as Docker prints them.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ContainerId {
    type Error = InvalidId;

    fn try_from(id: String) -> Result<Self, InvalidId> {
        Self::new(id)
    }
}

impl From<ContainerId> for String {
    fn from(id: ContainerId) -> Self {
        id.0
    }
}

// === impl Container ===

impl Container {
    /// Whether it has processes now: running, or paused with its sockets alive.
    pub fn is_alive(&self) -> bool {
        self.pid.is_some()
    }

    /// Whether Docker's own DNS server answers it, on 127.0.0.11.
    pub fn has_docker_dns(&self) -> bool {
        self.resolvers.contains(&IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11)))
    }
}

// === impl NetworkMode ===

impl NetworkMode {
    /// Reads `HostConfig.NetworkMode`. Docker writes `default` for the default bridge, and older clients nothing.
    pub fn parse(text: &str) -> Self {
        match text {
            "" | "default" | "bridge" => Self::Bridge,
            "none" => Self::None,
            "host" => Self::Host,
            other => match other.strip_prefix("container:") {
                Some(owner) => Self::Container(owner.to_owned()),
                None => Self::Network(other.to_owned()),
            },
        }
    }
}

/// As `docker inspect` shows it: `host`, `bridge`, `container:<id>`, or the network's name.
impl fmt::Display for NetworkMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Bridge => f.write_str("bridge"),
            Self::Host => f.write_str("host"),
            Self::Container(owner) => write!(f, "container:{owner}"),
            Self::Network(name) => f.write_str(name),
        }
    }
}

// === impl PublishedPort ===

impl PublishedPort {
    /// Whether only this host reaches it (`-p 127.0.0.1:…`, `-p [::1]:…`).
    pub fn is_loopback_only(&self) -> bool {
        self.host_ip.is_some_and(|ip| ip.to_canonical().is_loopback())
    }

    /// Whether a connection to `address` on this host is meant for it, the port left aside.
    pub fn covers(&self, address: IpAddr) -> bool {
        match self.host_ip {
            None => true,
            Some(ip) if ip.is_unspecified() => ip.is_ipv4() == address.is_ipv4(),
            Some(ip) => ip == address,
        }
    }
}

/// As `-p` writes it: `127.0.0.1:8080:80/tcp`.
impl fmt::Display for PublishedPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host_ip {
            Some(IpAddr::V6(ip)) => write!(f, "[{ip}]:")?,
            Some(ip) => write!(f, "{ip}:")?,
            None => {}
        }
        if let Some(port) = self.host_port {
            write!(f, "{port}:")?;
        }
        let protocol = match self.protocol {
            Protocol::TCP => "tcp".to_owned(),
            Protocol::UDP => "udp".to_owned(),
            Protocol(132) => "sctp".to_owned(),
            Protocol(number) => number.to_string(),
        };
        write!(f, "{}/{protocol}", self.container_port)
    }
}

// === impl ContainerState ===

impl fmt::Display for ContainerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
        })
    }
}

#[cfg(test)]
mod tests;
