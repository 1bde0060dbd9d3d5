//! The parser of one label value. Offsets are bytes into the value; the caller turns them into columns.
//!
//! value = item *("," item) · item = peer [":" ports] · peer = labels | class | prefix · labels = k=v *("&" k=v)
//! prefix = v4 ["/" bits] | "[" v6 ["/" bits] "]" · ports = n ["-" n] ["/" transport] | transport | "icmp"

use std::net::IpAddr;

use ipnet::IpNet;

use crate::classes::canonical;
use crate::items::{self, Defect, defect};
use crate::{Direction, Labels, Opening, OpeningPeer, PeerClass, PortRange, Protocol};

/// One item; `icmp` is two protocols, so it may open two ranges.
pub(crate) struct Item {
    peer: OpeningPeer,
    ports: Vec<Option<PortRange>>,
    text: String,
}

const CLASSES: [PeerClass; 5] = [
    PeerClass::Host,
    PeerClass::Lan,
    PeerClass::Metadata,
    PeerClass::Multicast,
    PeerClass::World,
];
const SYNTAX: &str = "write PEER[:PORTS], for example app=web:5432/tcp, lan:53/udp or 10.0.0.0/8:443";

pub(crate) fn value(value: &str) -> Result<Vec<Item>, Defect> {
    items::items(value)
        .map(|found| found.and_then(|(text, at)| item(text, at)))
        .collect()
}

fn item(text: &str, at: usize) -> Result<Item, Defect> {
    let (peer, ports) = split(text, at)?;
    if ports.is_none() && is_ports(peer) {
        let what = format!("{peer:?} names ports but no peer");
        let hint = format!("repeat the peer for each range, for example app=web:80, app=web:{peer}");
        return Err(Defect { at, what, hint });
    }
    let parsed = self::peer(peer, at)?;
    let ports = match ports {
        Some((ports, at)) => self::ports(ports, at)?,
        None => vec![None],
    };
    Ok(Item {
        peer: parsed,
        ports,
        text: text.to_owned(),
    })
}

type Located<'a> = (&'a str, usize);

/// Peer and ports. An IPv6 address stands in brackets, so its colons are not taken for the one before the ports.
fn split(text: &str, at: usize) -> Result<(&str, Option<Located<'_>>), Defect> {
    let Some(inner) = text.strip_prefix('[') else {
        if text.matches(':').count() > 1 && text.starts_with(|c: char| c.is_ascii_hexdigit() || c == ':') {
            return Err(defect(
                at,
                "an IPv6 address stands in brackets",
                "write [fd00::/8]:443",
            ));
        }
        return Ok(match text.rsplit_once(':') {
            Some((peer, ports)) => (peer, Some((ports, at + peer.len() + 1))),
            None => (text, None),
        });
    };
    let Some(length) = inner.find(']') else {
        return Err(defect(at, "the bracket is not closed", "write [fd00::/8]:443"));
    };
    let (peer, rest) = text.split_at(length + 2);
    match rest.strip_prefix(':') {
        Some(ports) => Ok((peer, Some((ports, at + peer.len() + 1)))),
        None if rest.is_empty() => Ok((peer, None)),
        None => {
            let what = format!("{rest:?} follows the bracket");
            Err(Defect {
                at: at + peer.len(),
                what,
                hint: "write [fd00::/8]:443".to_owned(),
            })
        }
    }
}

fn peer(text: &str, at: usize) -> Result<OpeningPeer, Defect> {
    if text.contains('=') {
        return labels(text, at).map(OpeningPeer::Labels);
    }
    if let Some(class) = CLASSES.into_iter().find(|class| class.name() == text) {
        return Ok(OpeningPeer::Class(class));
    }
    if let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return match net(inner) {
            Some(net) if inner.contains(':') => Ok(OpeningPeer::Prefix(net)),
            _ => {
                let what = format!("{inner:?} is not an IPv6 address or prefix");
                Err(Defect {
                    at: at + 1,
                    what,
                    hint: "write [fd00::/8] or [fd00::1]".to_owned(),
                })
            }
        };
    }
    net(text)
        .map(OpeningPeer::Prefix)
        .ok_or_else(|| unknown_peer(text, at))
}

fn net(text: &str) -> Option<IpNet> {
    let net: Option<IpNet> = text.parse().ok();
    let net = net.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    net.map(canonical)
}

fn labels(text: &str, at: usize) -> Result<Labels, Defect> {
    let mut labels = Labels::new();
    let mut offset = at;
    for pair in text.split('&') {
        match crate::labels::parse(pair) {
            Ok((key, _)) if key.starts_with("cofferdam.") => {
                let what = format!("{key} is not a label that peers are known by");
                let hint = "leave out the prefix: cofferdam.label.team=a is selected by team=a".to_owned();
                return Err(Defect {
                    at: offset,
                    what,
                    hint,
                });
            }
            Ok((key, value)) if value.contains('*') => {
                let what = format!("{key}={value}: there are no wildcards");
                let hint = format!("write each value out, for example {key}=a, {key}=b");
                return Err(Defect {
                    at: offset,
                    what,
                    hint,
                });
            }
            Ok((key, value)) => {
                if labels.insert(key.clone(), value).is_some() {
                    let what = format!("{key} cannot have two values at once");
                    let hint = format!("separate alternatives by commas: {key}=a, {key}=b");
                    return Err(Defect {
                        at: offset,
                        what,
                        hint,
                    });
                }
            }
            Err(error) => {
                return Err(Defect {
                    at: offset,
                    what: error.to_string(),
                    hint: error.hint(),
                });
            }
        }
        offset += pair.len() + 1;
    }
    Ok(labels)
}

/// What the user may have meant by a word that is no peer.
fn unknown_peer(text: &str, at: usize) -> Defect {
    let numeric = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '/'));
    if numeric && text.contains('.') {
        let what = format!("{text:?} is not an IPv4 address or prefix");
        return Defect {
            at,
            what,
            hint: "write 10.0.0.0/8 or 192.168.1.9".to_owned(),
        };
    }
    let meant = match text.to_ascii_lowercase().as_str() {
        "internet" | "public" | "wan" => Some("world"),
        "localhost" | "local" | "loopback" => Some("host"),
        "private" | "intranet" | "network" => Some("lan"),
        "imds" => Some("metadata"),
        "broadcast" | "mdns" => Some("multicast"),
        "any" | "all" | "*" | "everyone" | "anyone" => Some("host, lan, world"),
        other => CLASSES
            .into_iter()
            .map(PeerClass::name)
            .find(|class| *class == other),
    };
    if let Some(meant) = meant {
        return Defect {
            at,
            what: format!("{text:?} is not a peer"),
            hint: format!("write {meant}"),
        };
    }
    if text.contains('.') {
        let what = format!("names are not supported yet: {text:?}");
        return Defect {
            at,
            what,
            hint: "write its address or prefix, or world:443".to_owned(),
        };
    }
    let what = format!("{text:?} is neither a label, a class nor an address");
    let label = if text.is_empty() { "web" } else { text };
    let classes = CLASSES.map(PeerClass::name).join(", ");
    Defect {
        at,
        what,
        hint: format!("for a label write app={label}; classes are {classes}"),
    }
}

/// Whether a text reads as ports, that is, somebody wrote `app=web:80,443`.
fn is_ports(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit()) && ports(text, 0).is_ok()
        || protocols(text).is_some_and(|found| !found.is_empty())
}

fn ports(text: &str, at: usize) -> Result<Vec<Option<PortRange>>, Defect> {
    if text.is_empty() {
        return Err(defect(
            at,
            "no port follows the colon",
            "write :80, :80-90/tcp or :icmp, or no colon",
        ));
    }
    let every = |protocol| {
        Some(PortRange {
            protocol,
            first: 0,
            last: u16::MAX,
        })
    };
    if let Some(found) = protocols(text) {
        return Ok(found.iter().map(|protocol| every(*protocol)).collect());
    }
    let (range, protocol) = transport(text, at)?;
    let (first, last) = items::range(range, at, SYNTAX)?;
    Ok(vec![Some(PortRange {
        protocol,
        first,
        last,
    })])
}

/// What stands before the slash, and the one protocol behind it.
fn transport(text: &str, at: usize) -> Result<(&str, Protocol), Defect> {
    let Some((range, name)) = text.split_once('/') else {
        return Ok((text, Protocol::ANY));
    };
    let at = at + range.len() + 1;
    match protocols(name) {
        Some(&[protocol]) => Ok((range, protocol)),
        Some(_) => Err(defect(at, "icmp has no ports", "write :icmp without a port")),
        None => {
            let what = format!("{name:?} is not a protocol");
            Err(Defect {
                at,
                what,
                hint: "write /tcp, /udp or /sctp".to_owned(),
            })
        }
    }
}

fn protocols(name: &str) -> Option<&'static [Protocol]> {
    match name {
        "tcp" => Some(&[Protocol::TCP]),
        "udp" => Some(&[Protocol::UDP]),
        "sctp" => Some(&[Protocol::SCTP]),
        "icmp" => Some(&[Protocol::ICMP, Protocol::ICMP6]),
        _ => None,
    }
}

// === impl Item ===

impl Item {
    pub(crate) fn openings(self, direction: Direction) -> Vec<Opening> {
        let source = format!("label {}={}", super::label(direction), self.text);
        let opening = |ports| Opening {
            direction,
            peer: self.peer.clone(),
            ports,
            source: source.clone(),
        };
        self.ports.iter().copied().map(opening).collect()
    }
}
