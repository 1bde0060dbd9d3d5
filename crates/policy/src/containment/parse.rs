//! The parser of all values but that of `cofferdam.allow`. Offsets are bytes into the value; the caller turns them into columns.
//!
//! bind = ports ["/" ("tcp" | "udp")] ["=" [address ":"] port] · ports = n ["-" n] · address = v4 | "[" v6 "]"
//! interfaces = name | v4 | v6

use std::net::IpAddr;

use super::{Bind, BindTo, Interface, Level, Loopback};
use crate::items::{self, Defect, defect};
use crate::{PortRange, Protocol};

/// Items are compared with each other, and each takes room in the kernel.
const MAX_ITEMS: usize = 256;
/// The kernel's: a name of an interface.
const MAX_INTERFACE: usize = 15;
const MAX_GROUP: usize = 63;
/// What people write who do not mean a name.
const NO_GROUPS: [&str; 10] = [
    "default", "false", "host", "none", "own", "private", "public", "shared", "strict", "true",
];
const BINDS: &str = "write PORT or PORT=[ADDRESS:]PORT, for example 80, 80=8080 or 80=192.168.1.5:80";

pub(super) fn level(value: &str) -> Result<Level, Defect> {
    match value {
        "default" => Ok(Level::Default),
        "strict" => Ok(Level::Strict),
        _ => {
            let what = format!("{value:?} is not a level of containment");
            let hint = "write default or strict".to_owned();
            Err(Defect { at: 0, what, hint })
        }
    }
}

pub(super) fn loopback(value: &str) -> Result<Loopback, Defect> {
    match value {
        "host" => return Ok(Loopback::Host),
        "private" => return Ok(Loopback::Private),
        _ => {}
    }
    let hint = "write private, host, or a name that workloads share, for example app-1";
    if value.is_empty() || NO_GROUPS.contains(&value.to_ascii_lowercase().as_str()) {
        let what = format!("{value:?} is not a loopback");
        let hint = hint.to_owned();
        return Err(Defect { at: 0, what, hint });
    }
    if value.len() > MAX_GROUP {
        return Err(defect(
            MAX_GROUP,
            "the name of a loopback has 63 bytes at most",
            hint,
        ));
    }
    if let Some((at, found)) = value.char_indices().find(|(_, c)| !group_character(*c)) {
        let what = format!("the name of a loopback cannot contain {found:?}");
        let hint = hint.to_owned();
        return Err(Defect { at, what, hint });
    }
    Ok(Loopback::Group(value.to_owned()))
}

fn group_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

pub(super) fn bind(value: &str) -> Result<Vec<Bind>, Defect> {
    let mut found: Vec<Bind> = Vec::new();
    each(value, |text, at| {
        let one = bind_item(text, at)?;
        for other in &found {
            clash(&one, other, at)?;
        }
        if !found.contains(&one) {
            found.push(one);
        }
        Ok(())
    })?;
    Ok(found)
}

pub(super) fn interfaces(value: &str) -> Result<Vec<Interface>, Defect> {
    let mut found = Vec::new();
    each(value, |text, at| {
        let one = interface(text, at)?;
        if !found.contains(&one) {
            found.push(one);
        }
        Ok(())
    })?;
    Ok(found)
}

pub(super) fn each(
    value: &str,
    mut take: impl FnMut(&str, usize) -> Result<(), Defect>,
) -> Result<(), Defect> {
    for (index, item) in items::items(value).enumerate() {
        let (text, at) = item?;
        if index >= MAX_ITEMS {
            return Err(defect(at, "these are more than 256 items", "write ranges"));
        }
        take(text, at)?;
    }
    Ok(())
}

fn bind_item(text: &str, at: usize) -> Result<Bind, Defect> {
    let Some((from, to)) = text.split_once('=') else {
        if let Some((host, inner)) = text.rsplit_once(':') {
            let what = format!("{text:?} is not a port");
            let hint = format!("what the workload binds comes first: write {inner}={host}");
            return Err(Defect { at, what, hint });
        }
        let ports = ports(text, at, BINDS)?;
        return Ok(Bind { ports, to: None });
    };
    let ports = ports(from, at, BINDS)?;
    let at = at + from.len() + 1;
    let to = target(to, at)?;
    let end = u32::from(to.first) + u32::from(ports.last - ports.first);
    if end > u32::from(u16::MAX) {
        let what = format!("the range would end at port {end}");
        let hint = "ports go from 1 to 65535".to_owned();
        return Err(Defect { at, what, hint });
    }
    Ok(Bind { ports, to: Some(to) })
}

/// Ports of TCP, of UDP, or of both.
pub(super) fn ports(text: &str, at: usize, syntax: &str) -> Result<PortRange, Defect> {
    let (range, protocol) = match text.split_once('/') {
        None => (text, Protocol::ANY),
        Some((range, "tcp")) => (range, Protocol::TCP),
        Some((range, "udp")) => (range, Protocol::UDP),
        Some((range, name)) => {
            let what = format!("{name:?} is not a protocol that has ports to bind");
            let hint = "write /tcp, /udp, or neither for both".to_owned();
            let at = at + range.len() + 1;
            return Err(Defect { at, what, hint });
        }
    };
    let (first, last) = items::range(range, at, syntax)?;
    Ok(PortRange {
        protocol,
        first,
        last,
    })
}

/// What stands behind the `=`.
fn target(text: &str, at: usize) -> Result<BindTo, Defect> {
    if text.contains('/') {
        return Err(defect(
            at + text.find('/').unwrap_or_default(),
            "the protocol stands before the =",
            "write 80/tcp=8080",
        ));
    }
    if bracketless(text).parse::<IpAddr>().is_ok() {
        let what = format!("no port follows the address {text}");
        let hint = format!("write {}:PORT", bracketed(text));
        return Err(Defect { at, what, hint });
    }
    let Some((address, port)) = text.rsplit_once(':') else {
        if text.contains('-') {
            return Err(defect(
                at,
                "a range is moved by its first port",
                "write 8000-8009=9000",
            ));
        }
        let first = items::port(text, at, BINDS)?;
        return Ok(BindTo { address: None, first });
    };
    let first = items::port(port, at + address.len() + 1, BINDS)?;
    let address = Some(bound_address(address, at)?);
    Ok(BindTo { address, first })
}

/// An address that a port may be bound on.
fn bound_address(text: &str, at: usize) -> Result<IpAddr, Defect> {
    let inner = bracketless(text);
    let wrong = |what: &str, hint: &str| {
        let what = format!("{text}: {what}");
        let hint = hint.to_owned();
        Err(Defect { at, what, hint })
    };
    let Ok(address) = inner.parse::<IpAddr>() else {
        let example = "write an address of this host: 192.168.1.5:80 or [fd00::5]:80";
        return wrong("this is not an address", example);
    };
    if address.is_ipv6() != (inner.len() != text.len()) {
        let hint = format!("write {}:PORT", bracketed(inner));
        return wrong(
            "an IPv6 address stands in brackets, an IPv4 address does not",
            &hint,
        );
    }
    let address = address.to_canonical();
    usable(address).map_or_else(|(what, hint)| wrong(what, hint), |()| Ok(address))
}

/// Why no interface has this address, or it says too little.
fn usable(address: IpAddr) -> Result<(), (&'static str, &'static str)> {
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    if address.is_unspecified() {
        return Err(("this is every address", "leave it out, or write one of this host"));
    }
    if address.is_multicast() || broadcast {
        return Err(("no interface has such an address", "write an address of one host"));
    }
    if matches!(address, IpAddr::V6(address) if address.is_unicast_link_local()) {
        return Err((
            "a link-local address says nothing without its interface",
            "write another address of that interface",
        ));
    }
    Ok(())
}

fn bracketless(text: &str) -> &str {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    inner.unwrap_or(text)
}

fn bracketed(text: &str) -> String {
    let inner = bracketless(text);
    if inner.contains(':') {
        return format!("[{inner}]");
    }
    inner.to_owned()
}

/// A port that is bound has one place, and a place has one port.
fn clash(one: &Bind, other: &Bind, at: usize) -> Result<(), Defect> {
    let protocols = [one.ports.protocol, other.ports.protocol];
    if one == other || (protocols[0] != protocols[1] && !protocols.contains(&Protocol::ANY)) {
        return Ok(());
    }
    let addresses = [one, other].map(|bind| bind.to.and_then(|to| to.address));
    let families = matches!(addresses, [Some(one), Some(other)] if one.is_ipv4() != other.is_ipv4());
    let first = one.ports.first.max(other.ports.first);
    if first <= one.ports.last.min(other.ports.last) {
        let ports = [one, other].map(|bind| bind.bound(first).map(|(_, port)| port));
        if one.bound(first) == other.bound(first) || (families && ports[0] == ports[1]) {
            return Ok(());
        }
        let what = format!("port {first} is in `{other}`, too");
        let hint = "a port is bound in one place: leave it out of one of the two".to_owned();
        return Err(Defect { at, what, hint });
    }
    let real = [one, other].map(|bind| {
        let first = bind.to.map_or(bind.ports.first, |to| to.first);
        (first, first.saturating_add(bind.ports.last - bind.ports.first))
    });
    let first = real[0].0.max(real[1].0);
    // Whatever the addresses: who comes to it is judged by one number.
    if first <= real[0].1.min(real[1].1) {
        let what = format!("port {first} would be bound for `{other}`, too");
        let hint = "give one of the two another port behind the =".to_owned();
        return Err(Defect { at, what, hint });
    }
    Ok(())
}

fn interface(text: &str, at: usize) -> Result<Interface, Defect> {
    let wrong = |what: &str, hint: &str| {
        let what = format!("{text:?} {what}");
        let hint = hint.to_owned();
        Err(Defect { at, what, hint })
    };
    if let Ok(address) = bracketless(text).parse::<IpAddr>() {
        let address = address.to_canonical();
        return match usable(address) {
            Ok(()) => Ok(Interface::Address(address)),
            Err((what, hint)) => wrong(&format!("is no interface's: {what}"), hint),
        };
    }
    if text.contains('/') {
        return wrong(
            "is neither a name nor an address",
            "write the address without a prefix",
        );
    }
    if text.contains(':') || text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return wrong("is not an address", "write eth0, 192.168.1.5 or fd00::5");
    }
    if text.contains(['*', '+']) {
        return wrong("is not a name: there are no wildcards", "write each name out");
    }
    if text.len() > MAX_INTERFACE || text.chars().any(char::is_control) {
        return wrong(
            "is not a name that an interface can have",
            "`ip link` lists them; they have 15 bytes at most",
        );
    }
    Ok(Interface::Name(text.to_owned()))
}
