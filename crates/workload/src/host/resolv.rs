//! resolv.conf: which DNS servers somebody asks.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use super::HostError;

const RESOLV_CONF: &str = "/etc/resolv.conf";
/// What systemd-resolved itself asks; Docker reads it where /etc/resolv.conf names only the local stub.
const BEHIND_THE_STUB: &str = "/run/systemd/resolve/resolv.conf";
const STUB: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 53));

/// The `nameserver` addresses of a resolv.conf, in order. Lines that are none are left out, as resolv.conf(5) does.
pub fn resolvers(path: &Path) -> Result<Vec<IpAddr>, HostError> {
    let text = fs::read_to_string(path).map_err(|source| HostError::read(path, source))?;
    Ok(parse(&text))
}

/// What Docker will copy from the host into a container that chose no resolvers, before it has done so. In host mode
/// (`host_network`) that is the file as it is; elsewhere loopback addresses are left out, which nobody would answer there.
pub fn docker_fallback_resolvers(host_network: bool) -> Result<Vec<IpAddr>, HostError> {
    let all = resolvers(RESOLV_CONF.as_ref())?;
    if host_network {
        return Ok(all);
    }
    let all = if all == [STUB] {
        resolvers(BEHIND_THE_STUB.as_ref()).unwrap_or(all)
    } else {
        all
    };
    let reachable: Vec<_> = all.into_iter().filter(|ip| !ip.is_loopback()).collect();
    // Docker's own choice where the host offers none (libnetwork, resolvconf).
    let public = [Ipv4Addr::new(8, 8, 8, 8), Ipv4Addr::new(8, 8, 4, 4)].map(IpAddr::V4);
    Ok(if reachable.is_empty() {
        public.to_vec()
    } else {
        reachable
    })
}

fn parse(text: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if words.next() != Some("nameserver") {
            continue;
        }
        // `fe80::1%eth0`: the zone says through which link, not who.
        let address = words
            .next()
            .and_then(|word| word.split('%').next()?.parse::<IpAddr>().ok());
        found.extend(address.filter(|address| !found.contains(address)));
    }
    found
}

#[cfg(test)]
mod tests;
