//! Facts of this host, as the process that asks sees them: its network namespace, sockets and their owners, addresses,
//! the firewall. Reads only; what only root may see is missing otherwise.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use cofferdam_audit::host::{
    AbstractSocket, Firewall, Host, HostAddress, Listener, Owner, abstract_sockets, sockets_of,
};
use cofferdam_audit::model::Protocol;
use ipnet::IpNet;

/// The tables of sockets below a `net` folder of /proc.
pub(super) const TABLES: [(Protocol, &str); 4] = [
    (Protocol::Tcp, "tcp"),
    (Protocol::Tcp, "tcp6"),
    (Protocol::Udp, "udp"),
    (Protocol::Udp, "udp6"),
];

/// Collects them.
pub(super) fn facts() -> Host {
    let owners = owners();
    let mut listeners = Vec::new();
    for (protocol, table) in TABLES {
        let text = fs::read_to_string(format!("/proc/self/net/{table}")).unwrap_or_default();
        let (waiting, _) = sockets_of(protocol, &text);
        listeners.extend(
            waiting
                .into_iter()
                .map(|(protocol, address, port, inode)| Listener {
                    protocol,
                    address,
                    port,
                    owner: owners.get(&inode).cloned(),
                }),
        );
    }
    let unix = fs::read_to_string("/proc/self/net/unix").unwrap_or_default();
    let sockets = abstract_sockets(&unix)
        .into_iter()
        .map(|(name, inode)| AbstractSocket {
            name,
            owner: owners.get(&inode).cloned(),
        });
    Host {
        listeners,
        abstract_sockets: sockets.collect(),
        addresses: addresses(),
        firewall: firewall(),
        route_localnet: route_localnet(),
        observations: Vec::new(),
    }
}

/// The owner of each socket, by inode.
fn owners() -> HashMap<u64, Owner> {
    let mut owners = HashMap::new();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    for process in processes {
        let Ok(pid) = process.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let Ok(descriptors) = fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        let mut owner: Option<Owner> = None;
        for descriptor in descriptors.flatten() {
            let Ok(target) = fs::read_link(descriptor.path()) else {
                continue;
            };
            let target = target.to_string_lossy();
            let inode = target
                .strip_prefix("socket:[")
                .and_then(|rest| rest.strip_suffix(']'));
            if let Some(inode) = inode.and_then(|inode| inode.parse().ok()) {
                let owner = owner.get_or_insert_with(|| owner_of(pid, &process.path()));
                // The first process that has it: a parent comes before its children.
                owners.entry(inode).or_insert_with(|| owner.clone());
            }
        }
    }
    owners
}

fn owner_of(pid: u32, folder: &Path) -> Owner {
    let command = fs::read_to_string(folder.join("comm")).unwrap_or_default();
    let groups = fs::read_to_string(folder.join("cgroup")).unwrap_or_default();
    Owner {
        pid,
        command: command.trim().to_owned(),
        container: container_of(&groups),
    }
}

/// The container's id in a path of control groups: 64 hexadecimal digits.
pub(super) fn container_of(groups: &str) -> Option<String> {
    groups
        .split(|c: char| !c.is_ascii_hexdigit())
        .find(|word| word.len() == 64)
        .map(str::to_owned)
}

fn addresses() -> Vec<HostAddress> {
    let Ok(list) = nix::ifaddrs::getifaddrs() else {
        return Vec::new();
    };
    list.filter_map(|entry| {
        let address = ip_of(entry.address.as_ref()?)?;
        let mask = ip_of(entry.netmask.as_ref()?)?;
        Some(HostAddress {
            interface: entry.interface_name,
            address: IpNet::with_netmask(address, mask).ok()?,
        })
    })
    .collect()
}

fn ip_of(address: &nix::sys::socket::SockaddrStorage) -> Option<IpAddr> {
    let four = address.as_sockaddr_in().map(|four| IpAddr::V4(four.ip()));
    four.or_else(|| address.as_sockaddr_in6().map(|six| IpAddr::V6(six.ip())))
}

/// What the three tools print; those that are not there have no rules.
fn firewall() -> Firewall {
    let [nft, iptables, ip6tables] = [
        output("nft", &["-j", "list", "ruleset"]),
        output("iptables-save", &[]),
        output("ip6tables-save", &[]),
    ]
    .map(Option::unwrap_or_default);
    Firewall::read(&nft, &iptables, &ip6tables)
}

/// What a program prints; nothing where it is not installed or refuses.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let sbin = Path::new("/usr/sbin").join(program);
    let program = if sbin.exists() { sbin } else { program.into() };
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn route_localnet() -> BTreeMap<String, bool> {
    let folders = fs::read_dir("/proc/sys/net/ipv4/conf")
        .into_iter()
        .flatten()
        .flatten();
    folders
        .filter_map(|folder| {
            let name = folder.file_name().to_string_lossy().into_owned();
            let value = fs::read_to_string(folder.path().join("route_localnet")).ok()?;
            (!matches!(name.as_str(), "all" | "default")).then(|| (name, value.trim() == "1"))
        })
        .collect()
}
