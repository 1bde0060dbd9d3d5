//! The parser of `cofferdam.allow`: what else a workload may do.
//!
//! item = word | "netlink:" family | "abstract:@" name ["*"] | "shared:" ports

use std::collections::BTreeSet;

use super::names::FAMILIES;
use super::parse::{each, ports};
use super::{AbstractName, Allowed, Netlink};
use crate::items::{Defect, defect};

/// The kernel's: a family has a number below 32.
const MAX_FAMILY: u8 = 31;
/// The kernel's: what `sun_path` holds behind the zero.
const MAX_ABSTRACT: usize = 107;
const ALLOWS: &str =
    "write packet, raw, vsock, sysctl, netlink, netlink:FAMILY, abstract:@NAME or shared:PORT";
const PORTS: &str = "write a port or a range of ports, for example 80, 80/tcp or 8000-8009/udp";

pub(super) fn allow(value: &str) -> Result<Allowed, Defect> {
    let mut allowed = Allowed::default();
    each(value, |text, at| {
        let (word, rest) = match text.split_once(':') {
            Some((word, rest)) => (word, Some((rest, at + word.len() + 1))),
            None => (text, None),
        };
        match (word, rest) {
            ("packet", None) => allowed.packet = true,
            ("raw", None) => allowed.raw = true,
            ("vsock", None) => allowed.vsock = true,
            ("sysctl", None) => allowed.sysctl = true,
            ("netlink", None) => allowed.netlink = Netlink::All,
            ("netlink", Some((name, at))) => allowed.netlink.add(family(name, at)?),
            ("abstract", Some((name, at))) => push(&mut allowed.abstract_names, abstract_name(name, at)?),
            ("shared", Some((text, at))) => push(&mut allowed.shared, ports(text, at, PORTS)?),
            _ => return Err(unknown_allow(word, rest.is_some(), at)),
        }
        Ok(())
    })?;
    Ok(allowed)
}

fn push<T: PartialEq>(all: &mut Vec<T>, one: T) {
    if !all.contains(&one) {
        all.push(one);
    }
}

fn family(name: &str, at: usize) -> Result<u8, Defect> {
    if let Some((number, _)) = FAMILIES.iter().find(|(_, known)| *known == name) {
        return Ok(*number);
    }
    let digits = name.bytes().all(|byte| byte.is_ascii_digit());
    match name.parse() {
        Ok(number) if digits && number <= MAX_FAMILY => Ok(number),
        _ => {
            let what = format!("{name:?} is not a family of netlink");
            let names = FAMILIES.map(|(_, name)| name).join(", ");
            let hint = format!("write one of {names}, or a number up to {MAX_FAMILY}");
            Err(Defect { at, what, hint })
        }
    }
}

fn abstract_name(text: &str, at: usize) -> Result<AbstractName, Defect> {
    let example = "write abstract:@NAME, or abstract:@PREFIX* for all that begin so";
    let Some(name) = text.strip_prefix('@') else {
        let what = format!("{text:?} is not the name of an abstract socket");
        let hint = if text.is_empty() || text.starts_with('/') {
            example.to_owned()
        } else {
            format!("write abstract:@{text}")
        };
        return Err(Defect { at, what, hint });
    };
    let (name, prefix) = match name.strip_suffix('*') {
        Some(name) => (name, true),
        None => (name, false),
    };
    if name.is_empty() && !prefix {
        return Err(defect(at, "no name follows the @", example));
    }
    if let Some(index) = name.find('*') {
        return Err(defect(at + 1 + index, "a * stands at the end only", example));
    }
    if let Some((index, found)) = name.char_indices().find(|(_, c)| c.is_control()) {
        let what = format!("a name cannot contain {found:?}");
        let hint = "write what it begins with: abstract:@PREFIX*".to_owned();
        let at = at + 1 + index;
        return Err(Defect { at, what, hint });
    }
    if name.len() > MAX_ABSTRACT {
        return Err(defect(at, "the name has more than 107 bytes", example));
    }
    let name = name.to_owned();
    Ok(AbstractName { name, prefix })
}

/// What may have been meant by an item that is none.
fn unknown_allow(word: &str, has_rest: bool, at: usize) -> Defect {
    let lower = word.to_ascii_lowercase();
    let hint = match lower.as_str() {
        "abstract" => "write abstract:@NAME, or abstract:@PREFIX* for all that begin so".to_owned(),
        "shared" => "write shared:5353/udp".to_owned(),
        "af_packet" | "af-packet" | "pcap" => "write packet".to_owned(),
        "net_raw" | "cap_net_raw" | "icmp" | "ping" => "write raw, packet, or both".to_owned(),
        "sysctls" => "write sysctl".to_owned(),
        "packet" | "raw" | "vsock" | "sysctl" if has_rest => format!("nothing follows: write {lower}"),
        "packet" | "raw" | "vsock" | "sysctl" | "netlink" => format!("write {lower}"),
        family if FAMILIES.iter().any(|(_, name)| *name == family) => format!("write netlink:{family}"),
        _ => ALLOWS.to_owned(),
    };
    let what = format!("{word:?} is nothing that can be allowed");
    let what = if has_rest && lower == word {
        format!("{word:?} with a colon is nothing that can be allowed")
    } else {
        what
    };
    Defect { at, what, hint }
}

// === impl Netlink ===

impl Netlink {
    fn add(&mut self, family: u8) {
        match self {
            Self::All => {}
            Self::None => *self = Self::Some(BTreeSet::from([family])),
            Self::Some(families) => _ = families.insert(family),
        }
    }
}
