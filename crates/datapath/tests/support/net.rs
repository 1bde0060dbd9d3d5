//! A small world of network namespaces: a host with a bridge, containers on it, and a LAN with the Internet behind it.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// Not .1, which the scenarios give to strangers.
pub(crate) const HOST_LAN: [&str; 2] = ["192.168.7.253", "fd12::253"];
pub(crate) const BRIDGE: [&str; 2] = ["172.17.0.1", "fd17::1"];
const LAN: [&str; 2] = ["192.168.7.254", "fd12::254"];

/// Namespaces are removed on drop, and with them every link in them.
pub(crate) struct Net {
    name: String,
    containers: u32,
}

impl Net {
    pub(crate) fn new() -> Self {
        let name = format!(
            "cf{}-{}",
            std::process::id(),
            COUNTER.fetch_add(1, Ordering::Relaxed)
        );
        let net = Self { name, containers: 0 };
        for ns in ["host", "lan"] {
            net.add_namespace(ns);
        }
        let (host, lan) = (net.name("host"), net.name("lan"));
        ip(&format!("-n {host} link add br0 type bridge"));
        net.up(
            "host",
            "br0",
            &[&format!("{}/16", BRIDGE[0]), &format!("{}/64", BRIDGE[1])],
        );
        ip(&format!(
            "-n {host} link add lan0 type veth peer name eth0 netns {lan}"
        ));
        net.up(
            "host",
            "lan0",
            &[&format!("{}/24", HOST_LAN[0]), &format!("{}/64", HOST_LAN[1])],
        );
        net.up(
            "lan",
            "eth0",
            &[&format!("{}/24", LAN[0]), &format!("{}/64", LAN[1])],
        );
        net.default_route("host", LAN);
        net.default_route("lan", HOST_LAN);
        // Containers reach the LAN through the host.
        let switches =
            "echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding";
        let netns = format!("--net={}", net.path("host").display());
        assert!(
            Command::new("nsenter")
                .args([&netns, "sh", "-c", switches])
                .status()
                .unwrap()
                .success()
        );
        net
    }

    /// What Docker does for its default bridge: a local process that talks to the gateway address is masqueraded too.
    pub(crate) fn masquerade(&self) {
        let netns = format!("--net={}", self.path("host").display());
        let rule = [
            "iptables",
            "-t",
            "nat",
            "-A",
            "POSTROUTING",
            "-s",
            "172.17.0.0/16",
            "!",
            "-o",
            "br0",
            "-j",
            "MASQUERADE",
        ];
        assert!(
            Command::new("nsenter")
                .arg(netns)
                .args(rule)
                .status()
                .unwrap()
                .success()
        );
    }

    /// What Docker does for `-p`: the port of every address of the host leads to `to`, for those outside and on the host.
    pub(crate) fn publish(&self, port: u16, to: std::net::SocketAddr) {
        for chain in ["prerouting", "output"] {
            let rules = format!(
                "table ip publish {{ chain {chain} {{ type nat hook {chain} priority -100; \
                 tcp dport {port} fib daddr type local dnat to {to}; }}; }}"
            );
            in_netns(&self.path("host"), &["nft", &rules]);
        }
    }

    /// No TCP reset leaves the kernel of a namespace, so that a forger's handshakes stay open.
    pub(crate) fn silence_resets(&self, netns: &Path) {
        self.lose(netns, "--tcp-flags RST RST");
    }

    /// TCP segments like these do not leave a namespace.
    pub(crate) fn lose(&self, netns: &Path, which: &str) {
        let netns = format!("--net={}", netns.display());
        let mut rule = vec![netns.as_str(), "iptables", "-A", "OUTPUT", "-p", "tcp"];
        rule.extend(which.split(' '));
        rule.extend(["-j", "DROP"]);
        assert!(Command::new("nsenter").args(rule).status().unwrap().success());
    }

    /// Sets a sysctl of a namespace, by its path below /proc/sys.
    pub(crate) fn write(&self, netns: &Path, sysctl: &str, value: &str) {
        let netns = format!("--net={}", netns.display());
        let script = format!("echo {value} >/proc/sys/{sysctl}");
        let done = Command::new("nsenter")
            .args([&netns, "sh", "-c", &script])
            .status();
        assert!(done.unwrap().success());
    }

    /// The first `count` packets that match arrive in that namespace and are lost there.
    pub(crate) fn lose_first(&self, netns: &Path, count: u32, matching: &str) {
        let rules = format!(
            "table inet loss {{ chain in {{ type filter hook prerouting priority raw; \
             {matching} numgen inc mod 1000000 < {count} drop; }}; }}"
        );
        in_netns(netns, &["nft", &rules]);
    }

    /// What was lost before arrives again.
    pub(crate) fn lose_nothing(&self, netns: &Path) {
        in_netns(netns, &["nft", "delete table inet loss"]);
    }

    /// Somebody on the LAN or beyond.
    pub(crate) fn add_stranger(&self, address: IpAddr) {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        ip(&format!(
            "-n {} addr replace {address}/{bits} dev eth0 {}",
            self.name("lan"),
            no_dad(address)
        ));
    }

    /// An address of the host itself.
    pub(crate) fn add_host_address(&self, address: IpAddr) {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        ip(&format!(
            "-n {} addr replace {address}/{bits} dev lo {}",
            self.name("host"),
            no_dad(address)
        ));
    }

    /// A container on the bridge; returns its namespace and addresses.
    pub(crate) fn add_container(&mut self, wanted: Option<IpAddr>) -> (PathBuf, [IpAddr; 2]) {
        self.containers += 1;
        let n = self.containers + 100;
        let ns = format!("c{n}");
        self.add_namespace(&ns);
        let v4 = wanted.unwrap_or_else(|| format!("172.17.0.{n}").parse().unwrap());
        let v6: IpAddr = format!("fd17::{n}").parse().unwrap();
        let (host, inside) = (self.name("host"), self.name(&ns));
        ip(&format!(
            "-n {host} link add v{n} type veth peer name eth0 netns {inside}"
        ));
        ip(&format!("-n {host} link set v{n} master br0 up"));
        self.up(&ns, "eth0", &[&format!("{v4}/16"), &format!("{v6}/64")]);
        self.default_route(&ns, BRIDGE);
        (self.path(&ns), [v4, v6])
    }

    /// One more address in the namespace of that path.
    pub(crate) fn add_address(&self, netns: &Path, link: &str, address: &str) {
        let name = netns.file_name().unwrap().to_string_lossy();
        ip(&format!("-n {name} addr replace {address} dev {link}"));
    }

    /// By the path that it was added with.
    pub(crate) fn remove_container(&self, netns: &Path) {
        let name = netns.file_name().unwrap().to_string_lossy();
        ip(&format!("netns del {name}"));
    }

    pub(crate) fn path(&self, ns: &str) -> PathBuf {
        PathBuf::from("/run/netns").join(self.name(ns))
    }

    fn name(&self, ns: &str) -> String {
        format!("{}-{ns}", self.name)
    }

    fn add_namespace(&self, ns: &str) {
        let name = self.name(ns);
        ip(&format!("netns add {name}"));
        ip(&format!("-n {name} link set lo up"));
    }

    fn up(&self, ns: &str, link: &str, addresses: &[&str]) {
        let name = self.name(ns);
        for address in addresses {
            let nodad = if address.contains(':') { "nodad" } else { "" };
            ip(&format!("-n {name} addr add {address} dev {link} {nodad}"));
        }
        ip(&format!("-n {name} link set {link} up"));
    }

    fn default_route(&self, ns: &str, via: [&str; 2]) {
        ip(&format!("-n {} route add default via {}", self.name(ns), via[0]));
        ip(&format!(
            "-n {} -6 route add default via {}",
            self.name(ns),
            via[1]
        ));
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for entry in fs::read_dir("/run/netns").into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(&format!("{}-", self.name)) {
                Command::new("ip").args(["netns", "del", &name]).status().ok();
            }
        }
    }
}

pub(crate) fn in_netns(netns: &Path, words: &[&str]) {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net={}", netns.display())).args(words);
    let done = command.output().unwrap();
    assert!(
        done.status.success(),
        "{words:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

fn no_dad(address: IpAddr) -> &'static str {
    if address.is_ipv6() { "nodad" } else { "" }
}

fn ip(words: &str) {
    let done = Command::new("ip")
        .args(words.split_whitespace())
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "ip {words}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}
