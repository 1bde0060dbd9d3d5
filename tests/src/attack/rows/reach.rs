//! Every address at which this host answers.

use anyhow::{Context, Result};

use super::{Answers, Attacker, CONNECT, Group, OWN_LOOPBACK, Row, SENDMSG, Scene, Seen, row, staged};
use crate::probe::Server;

/// Another's loopback of its own, at the address of the host's that it really is.
fn private(scene: &Scene, attacker: Attacker, words: &str) -> Result<Seen> {
    let mut flags = vec!["--label", "app=victim"];
    flags.extend(scene.strictly);
    let log = format!("log={}", scene.log().display());
    let listens = [
        "serve",
        "name=private",
        &log,
        "tcp=127.0.0.1:7170",
        "udp=127.0.0.1:7170",
    ];
    let _owner = Server::start(&scene.lab.host, &mut scene.command(&flags, &listens)?)?;
    let all = scene.lab.host.must("sh", &["-c", "ss -Hltn sport = :7170"])?;
    let at = all
        .split_whitespace()
        .find(|word| word.ends_with(":7170"))
        .context("nobody listens on 7170")?;
    scene.strike(attacker, &format!("{words} to={at}"))
}

const CALLED: Answers = Answers::always(CONNECT);
/// Who listens on every address listens on a private loopback, too; who listens on the host's alone does not.
const LOOPBACK: Answers = Answers::levels(CONNECT, OWN_LOOPBACK);
const SENT: Answers = Answers::always(SENDMSG);

pub(super) const GROUP: Group = Group {
    name: "reach",
    about: "every address at which this host answers",
    rows: ROWS,
};

const ROWS: &[Row] = &[
    row(
        "TCP to 127.0.0.1, a process that listens there alone",
        "tcp to=127.0.0.1:7105",
        LOOPBACK,
    ),
    row("TCP to 127.0.0.1, a process", "tcp to=127.0.0.1:7101", CALLED),
    row(
        "TCP to an alias of loopback, a workload",
        "tcp to=127.0.0.77:7001",
        CALLED,
    ),
    row(
        "TCP to an alias of loopback, a process",
        "tcp to=127.9.9.9:7101",
        CALLED,
    ),
    row("TCP to 0.0.0.0, a process", "tcp to=0.0.0.0:7101", CALLED),
    row("TCP to [::], a workload", "tcp to=[::]:7001", CALLED),
    row("TCP to [::1], a workload", "tcp to=[::1]:7001", CALLED),
    row("TCP to [::1], a process", "tcp to=[::1]:7101", CALLED),
    row(
        "TCP to the host's LAN address, a workload",
        "tcp to=192.168.77.1:7001",
        CALLED,
    ),
    row(
        "TCP to the host's LAN address, a process",
        "tcp to=192.168.77.1:7101",
        CALLED,
    ),
    row(
        "TCP to the host's IPv6 address, a process",
        "tcp to=[fd77::1]:7101",
        CALLED,
    ),
    row(
        "TCP to Docker's gateway, a workload",
        "tcp to=172.17.0.1:7001",
        CALLED,
    ),
    row(
        "TCP to Docker's gateway, a process",
        "tcp to=172.17.0.1:7101",
        CALLED,
    ),
    row(
        "TCP to link-local, IPv6, a workload",
        "tcp to=[{link}]:7001",
        CALLED,
    ),
    row(
        "TCP to link-local, IPv6, a process",
        "tcp to=[{link}]:7101",
        CALLED,
    ),
    row(
        "TCP to link-local, IPv4, a process",
        "tcp to=169.254.77.7:7101",
        CALLED,
    ),
    row(
        "TCP to 169.254.169.254, a process",
        "tcp to=169.254.169.254:7101",
        CALLED,
    ),
    row(
        "UDP to 169.254.169.254, a process",
        "udp to=169.254.169.254:7101",
        SENT,
    ),
    row(
        "UDP to an alias of loopback, a process",
        "udp to=127.9.9.9:7101",
        SENT,
    ),
    row("UDP to link-local, IPv6, a process", "udp to=[{link}]:7101", SENT),
    row("UDP to 0.0.0.0, a process", "udp to=0.0.0.0:7101", SENT),
    row(
        "TCP to a neighbour on the LAN",
        "tcp to=192.168.77.2:7201",
        CALLED,
    ),
    staged(
        "TCP to another's private loopback",
        |s, a| private(s, a, "tcp"),
        CALLED,
    ),
    staged(
        "UDP to another's private loopback",
        |s, a| private(s, a, "udp"),
        SENT,
    ),
];
