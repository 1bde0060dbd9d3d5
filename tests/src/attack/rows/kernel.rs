//! What a network namespace would have kept apart beside addresses: names, sysctls, netlink, vsock.

use anyhow::Result;

use super::{Answer, Answers, Attacker, Group, Row, Scene, Seen, open, row, staged, stopped};

const NAMES: Answers = Answers::always(stopped("the hooks of unix sockets"));
const SYSCTL: Answers = Answers::always(stopped("the sysctl hook"));
const READ_ONLY: &str = "Docker: /proc/sys is read-only";
const NO_MOUNT: &str = "Docker: no CAP_SYS_ADMIN";
const NO_ADMIN: &str = "Docker: no CAP_NET_ADMIN";

const SECCOMP: &str = "security_opt: [seccomp=FILE] with a rule that refuses the family";
const SEEN: Answer = open("nothing refuses it by default, and only BPF LSM sees it", SECCOMP);
const NETLINK: Answers = Answers::made(SEEN, SECCOMP);
/// What libc asks for addresses and interfaces.
const ROUTE: Answers = Answers::always(open("libc needs NETLINK_ROUTE; writing needs CAP_NET_ADMIN", ""));
const ROUTES: Answers = Answers::always(open(
    "a process that is root keeps CAP_NET_ADMIN, and NETLINK_ROUTE is what libc needs",
    "cofferdam run --contain strict",
))
.but_run()
.but_docker(NO_ADMIN);
const VSOCK: Answers = Answers::made(
    open("nothing refuses it by default, and only BPF LSM sees it", SECCOMP),
    SECCOMP,
);

/// Tries to change something, and looks for it from outside.
fn change(scene: &Scene, attacker: Attacker, words: &str, look: &str, undo: &str) -> Result<Seen> {
    let mut seen = scene.strike(attacker, words)?;
    let found = scene.lab.host.must("sh", &["-c", look])?;
    seen.effect = (!found.trim().is_empty()).then(|| found.trim().to_owned());
    scene.lab.host.run("sh", &["-c", undo])?;
    Ok(seen)
}

fn route(scene: &Scene, attacker: Attacker) -> Result<Seen> {
    change(
        scene,
        attacker,
        "netlink what=route",
        "ip route show 198.51.100.0/24",
        "ip route del blackhole 198.51.100.0/24 2>/dev/null",
    )
}

fn table(scene: &Scene, attacker: Attacker) -> Result<Seen> {
    change(
        scene,
        attacker,
        "netlink what=table",
        "nft list tables | grep -w attack || true",
        "nft delete table ip attack 2>/dev/null",
    )
}

/// Ends the connection of a process of the host.
fn destroy(scene: &Scene, attacker: Attacker) -> Result<Seen> {
    let place = &scene.lab.host;
    let probe = crate::binaries::probe()?;
    let name = format!("{probe}", probe = probe.display());
    let mut server = place.command(&name, &["serve", "echo", "tcp", "127.0.0.1:7120"]);
    let _server = crate::probe::Server::start(place, &mut server)?;
    let mut client = place.command(&name, &["hold", "127.0.0.1:7120"]);
    let mut client = crate::probe::Server::start(place, &mut client)?;
    let mut seen = scene.strike(attacker, "netlink what=destroy port=7120")?;
    std::thread::sleep(std::time::Duration::from_millis(300));
    seen.effect = (!client.alive()).then(|| "another's connection has ended".to_owned());
    Ok(seen)
}

/// The victim's own listening socket, out of its process.
fn steal(scene: &Scene, attacker: Attacker) -> Result<Seen> {
    let pid = scene.lab.engine.pid("victim")?;
    scene.strike(attacker, &format!("steal pid={pid} port=7001"))
}

pub(super) const NAMES_AND_SYSCTLS: Group = Group {
    name: "names",
    about: "abstract unix sockets and sysctls",
    rows: NAME_ROWS,
};

pub(super) const FAMILIES: Group = Group {
    name: "families",
    about: "netlink, vsock, descriptors of another process",
    rows: FAMILY_ROWS,
};

const NAME_ROWS: &[Row] = &[
    row(
        "abstract stream socket of a workload",
        "abstract how=stream name=victim.stream",
        NAMES,
    )
    .doctor("abstract"),
    row(
        "abstract stream socket of a process (CVE-2020-15257)",
        "abstract how=stream name=/containerd-shim/host.sock",
        NAMES,
    )
    .doctor("abstract"),
    row(
        "abstract seqpacket socket of a workload",
        "abstract how=seqpacket name=victim.seqpacket",
        NAMES,
    )
    .doctor("abstract"),
    row(
        "abstract seqpacket socket of a process",
        "abstract how=seqpacket name=host.seqpacket",
        NAMES,
    )
    .doctor("abstract"),
    row(
        "abstract datagram socket of a workload",
        "abstract how=dgram name=victim.dgram",
        NAMES,
    )
    .doctor("abstract"),
    row(
        "abstract datagram socket of a process",
        "abstract how=dgram name=host.dgram",
        NAMES,
    )
    .doctor("abstract"),
    row(
        "abstract datagram socket of a process, connected",
        "abstract how=dgram-connected name=host.dgram",
        NAMES,
    )
    .doctor("abstract"),
    row(
        "abstract stream socket with an empty name, of a process",
        "abstract how=stream name=",
        NAMES,
    )
    .doctor("abstract"),
    row(
        "sysctl of IPv4",
        "sysctl name=net/ipv4/ip_default_ttl",
        SYSCTL.but_docker(READ_ONLY),
    )
    .doctor("sysctl"),
    row(
        "sysctl of IPv6",
        "sysctl name=net/ipv6/conf/all/hop_limit",
        SYSCTL.but_docker(READ_ONLY),
    )
    .doctor("sysctl"),
    row(
        "sysctl through a new mount of proc",
        "sysctl how=mount name=net/ipv4/ip_default_ttl",
        SYSCTL.but_docker(NO_MOUNT),
    )
    .doctor("sysctl"),
    row(
        "sysctl after a remount of /proc/sys",
        "sysctl how=remount name=net/ipv4/ip_default_ttl",
        Answers::always(stopped("the kernel: nothing is mounted there")).but_docker(NO_MOUNT),
    )
    .doctor("sysctl"),
    row(
        "sysctl, opened before it leaves the namespace",
        "sysctl how=left name=net/ipv4/ip_default_ttl",
        SYSCTL.but_docker(READ_ONLY),
    )
    .doctor("sysctl"),
];

const FAMILY_ROWS: &[Row] = &[
    row("netlink, reads addresses", "netlink what=addresses", ROUTE),
    staged("netlink, writes a route", route, ROUTES),
    row(
        "netlink, reads who listens (sock_diag)",
        "netlink what=sockets port=7001",
        NETLINK,
    )
    .doctor("netlink"),
    staged(
        "netlink, ends a connection (sock_diag)",
        destroy,
        NETLINK.but_docker(NO_ADMIN),
    )
    .doctor("netlink"),
    staged(
        "netlink, makes a table of nftables",
        table,
        NETLINK.but_docker(NO_ADMIN),
    )
    .doctor("netlink"),
    row("netlink, events of the kernel", "netlink what=15", NETLINK).doctor("netlink"),
    row("netlink, generic", "netlink what=16", NETLINK).doctor("netlink"),
    row(
        "netlink by io_uring (sock_diag)",
        "netlink what=sockets port=7001 by=ring",
        NETLINK,
    )
    .doctor("netlink"),
    row(
        "netlink by the 32-bit call (sock_diag)",
        "netlink what=sockets port=7001 by=compat",
        NETLINK,
    )
    .doctor("netlink"),
    row("vsock, listens for the hypervisor", "vsock", VSOCK).doctor("vsock"),
    row("vsock by io_uring", "vsock by=ring", VSOCK).doctor("vsock"),
    staged(
        "another process's socket (pidfd_getfd)",
        steal,
        Answers::always(open(
            "out of scope: whoever may trace a process may use its sockets",
            "another user, or a pid namespace",
        ))
        .but_run()
        .but_docker("Docker: a pid namespace"),
    ),
];
