//! Published ports: the short syntax of compose and `docker run -p`, ranges, and which addresses they take.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::position::Position;

/// Ports from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct PortRange {
    /// The lowest.
    pub first: u16,
    /// The highest.
    pub last: u16,
}

/// What carries the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// One entry of `ports:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The address of the host, where one is given: every address otherwise.
    pub host_ip: Option<IpAddr>,
    /// The host's ports; `None` where Docker chooses one.
    pub published: Option<PortRange>,
    /// The container's ports.
    pub target: PortRange,
    /// What carries it.
    pub protocol: Protocol,
    /// `mode: host`: not through Swarm's mesh.
    pub host_mode: bool,
    /// Where it is written.
    pub at: Position,
}

// === impl PortRange ===

impl PortRange {
    /// One port.
    pub fn one(port: u16) -> Self {
        Self {
            first: port,
            last: port,
        }
    }

    /// `80` or `80-90`.
    pub fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.trim().split_once('-').unwrap_or((text, text));
        let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (first <= last).then_some(Self { first, last })
    }

    /// How many ports.
    pub fn count(self) -> u32 {
        u32::from(self.last) - u32::from(self.first) + 1
    }

    /// A port is in it.
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    /// Both hold a port.
    pub fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(out, "{}", self.first)
        } else {
            write!(out, "{}-{}", self.first, self.last)
        }
    }
}

// === impl Protocol ===

impl Protocol {
    /// `tcp`, `udp`, `sctp`, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "tcp" => Some(Self::Tcp),
            "udp" => Some(Self::Udp),
            "sctp" => Some(Self::Sctp),
            _ => None,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

// === impl Port ===

impl Port {
    /// `[[address:]host:]container[/protocol]`, ranges included. An empty host port is one that Docker chooses.
    pub fn parse(text: &str, at: &Position) -> Option<Self> {
        let text = text.trim();
        let (text, protocol) = match text.rsplit_once('/') {
            Some((rest, "")) => (rest, Protocol::Tcp),
            Some((rest, protocol)) => (rest, Protocol::parse(protocol)?),
            None => (text, Protocol::Tcp),
        };
        let (rest, target) = text
            .rsplit_once(':')
            .map_or((None, text), |(rest, target)| (Some(rest), target));
        let target = PortRange::parse(target)?;
        let (host_ip, published) = match rest {
            None => (None, None),
            Some(rest) => host_part(rest)?,
        };
        let fits = published.is_none_or(|range| range.count() == target.count() || target.count() == 1);
        fits.then(|| Self {
            host_ip,
            published,
            target,
            protocol,
            host_mode: false,
            at: at.clone(),
        })
    }

    /// Every address of the host, of at least one family.
    pub fn is_wildcard(&self) -> bool {
        self.host_ip.is_none_or(|ip| ip.is_unspecified())
    }

    /// Only the host itself, if Docker keeps to it.
    pub fn is_loopback(&self) -> bool {
        self.host_ip.is_some_and(|ip| ip.is_loopback())
    }

    /// The host's ports, or the container's where Docker chooses.
    pub fn shown(&self) -> String {
        let published = self
            .published
            .map_or_else(|| "a port of Docker's choice".to_owned(), |p| p.to_string());
        match self.host_ip {
            Some(IpAddr::V6(ip)) => format!("[{ip}]:{published}"),
            Some(ip) => format!("{ip}:{published}"),
            None => published,
        }
    }

    /// `8080:80/tcp`, without address: what names the entry when lines move.
    pub fn key(&self) -> String {
        let published = self.published.map_or_else(String::new, |p| p.to_string());
        format!("{published}:{}/{}", self.target, self.protocol)
    }

    /// The pairs of host and container ports, one per container port where both are ranges.
    pub fn pairs(&self) -> Vec<(Option<PortRange>, u16)> {
        let targets = self.target.first..=self.target.last;
        match self.published {
            Some(range) if range.count() == self.target.count() => targets
                .zip(range.first..=range.last)
                .map(|(target, published)| (Some(PortRange::one(published)), target))
                .collect(),
            published => targets.map(|target| (published, target)).collect(),
        }
    }
}

/// What stands before the container's port: an address and a port, or one of them.
fn host_part(text: &str) -> Option<(Option<IpAddr>, Option<PortRange>)> {
    let port = |text: &str| {
        if text.is_empty() {
            Some(None)
        } else {
            PortRange::parse(text).map(Some)
        }
    };
    if let Some(rest) = text.strip_prefix('[') {
        let (ip, rest) = rest.split_once(']')?;
        return Some((Some(ip.parse().ok()?), port(rest.trim_start_matches(':'))?));
    }
    match text.rsplit_once(':') {
        None => Some((None, port(text)?)),
        Some(("", published)) => Some((None, port(published)?)),
        Some((ip, published)) => {
            let ip = if ip == "localhost" { "127.0.0.1" } else { ip };
            Some((Some(ip.parse().ok()?), port(published)?))
        }
    }
}
