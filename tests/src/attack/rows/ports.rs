//! Ports that another holds.

use anyhow::Result;

use super::{Answers, Attacker, Group, Row, Scene, Seen, open, staged, stopped};
use crate::attack::running::Running;

/// The port is taken, and the clients of its owner are waited for, who come meanwhile.
fn take(scene: &Scene, attacker: Attacker, words: &str, client: &str) -> Result<Seen> {
    let (running, token) = scene.begin(attacker, &format!("{words} bait=bait- ms=700"))?;
    come(scene, &running, client)?;
    scene.end(running, &token)
}

/// Clients, if the attack goes on. A port that is shared goes to one of its holders by chance.
fn come(scene: &Scene, attack: &Running, client: &str) -> Result<()> {
    for n in 0..12 {
        if !attack.has_ended() {
            scene.plain(&format!("{client} token=bait-{n} ms=150"))?;
        }
    }
    Ok(())
}

/// The owner comes after the thief.
fn squat(scene: &Scene, attacker: Attacker, words: &str, owner: &str, client: &str) -> Result<Seen> {
    let (running, token) = scene.begin(attacker, &format!("{words} bait=bait- ms=900"))?;
    let _owner = scene.server(&scene.lab.host, &format!("serve name=late log=/dev/null {owner}"))?;
    come(scene, &running, client)?;
    scene.end(running, &token)
}

/// Another address is another's only where somebody listens there.
const FREE: Answers = Answers::levels(
    open("nobody holds it there", "cofferdam.bind: the ports that it needs"),
    stopped("the bind hooks: the port is not declared"),
);
const EARLY: Answers = Answers::levels(
    open(
        "nobody holds it yet, and its owner shares it (SO_REUSEPORT)",
        "cofferdam.bind: the ports that it needs",
    ),
    stopped("the bind hooks: the port is not declared"),
);
const REFUSED: Answers = Answers::always(stopped("the bind hooks"));
const KERNEL: Answers = Answers::always(stopped("the kernel: the port is taken"));

pub(super) const TCP: Group = Group {
    name: "tcp-ports",
    about: "TCP ports that a workload or a process of the host holds",
    rows: TCP_ROWS,
};

pub(super) const UDP: Group = Group {
    name: "udp-ports",
    about: "UDP ports that a workload or a process of the host holds",
    rows: UDP_ROWS,
};

macro_rules! taking {
    ($name:literal, $words:literal, $client:literal, $answers:expr) => {
        staged(
            $name,
            |scene, attacker| take(scene, attacker, $words, $client),
            $answers,
        )
    };
}

const TCP_ROWS: &[Row] = &[
    taking!(
        "TCP port of a workload",
        "bind how=tcp at=[::]:7001",
        "tcp to=127.0.0.1:7001",
        KERNEL
    ),
    taking!(
        "TCP port of a workload, SO_REUSEADDR",
        "bind how=tcp at=0.0.0.0:7003 reuse=addr",
        "tcp to=127.0.0.1:7003",
        KERNEL
    ),
    taking!(
        "TCP port of a workload, SO_REUSEPORT",
        "bind how=tcp at=[::]:7003 reuse=both",
        "tcp to=127.0.0.1:7003",
        REFUSED
    ),
    taking!(
        "TCP port of a process, SO_REUSEPORT",
        "bind how=tcp at=[::]:7103 reuse=both",
        "tcp to=127.0.0.1:7103",
        REFUSED
    ),
    taking!(
        "TCP port of a workload, one address of it",
        "bind how=tcp at=127.0.0.1:7003 reuse=both",
        "tcp to=127.0.0.1:7003",
        REFUSED
    ),
    taking!(
        "TCP port of a process, one address of it",
        "bind how=tcp at=127.0.0.1:7103 reuse=both",
        "tcp to=127.0.0.1:7103",
        REFUSED
    ),
    taking!(
        "TCP port of a workload, the other family",
        "bind how=tcp at=[::]:7004 only=v6 reuse=addr",
        "tcp to=[::1]:7004",
        REFUSED
    ),
    taking!(
        "TCP port of a process, the other family",
        "bind how=tcp at=[::]:7104 only=v6 reuse=addr",
        "tcp to=[::1]:7104",
        REFUSED
    ),
    taking!(
        "TCP port of a workload, another address",
        "bind how=tcp at=192.168.77.1:7005 reuse=addr",
        "tcp to=192.168.77.1:7005",
        FREE
    ),
    taking!(
        "TCP port of a process, another address",
        "bind how=tcp at=192.168.77.1:7105 reuse=addr",
        "tcp to=192.168.77.1:7105",
        FREE
    ),
    taking!(
        "TCP port of a process, another loopback address",
        "bind how=tcp at=127.0.0.2:7105 reuse=addr",
        "tcp to=127.0.0.2:7105",
        FREE
    ),
    staged(
        "TCP port whose owner comes later",
        |s, a| {
            squat(
                s,
                a,
                "bind how=tcp at=[::]:7160 reuse=both",
                "shared-tcp=[::]:7160",
                "tcp to=127.0.0.1:7160",
            )
        },
        EARLY,
    ),
];

const UDP_ROWS: &[Row] = &[
    taking!(
        "UDP port of a workload, SO_REUSEADDR",
        "bind how=udp at=[::]:7003 reuse=addr",
        "udp to=127.0.0.1:7003",
        REFUSED
    ),
    taking!(
        "UDP port of a process, SO_REUSEADDR",
        "bind how=udp at=[::]:7103 reuse=addr",
        "udp to=127.0.0.1:7103",
        REFUSED
    ),
    taking!(
        "UDP port of a workload, SO_REUSEPORT",
        "bind how=udp at=[::]:7003 reuse=both",
        "udp to=127.0.0.1:7003",
        REFUSED
    ),
    taking!(
        "UDP port of a process, SO_REUSEPORT",
        "bind how=udp at=[::]:7103 reuse=both",
        "udp to=127.0.0.1:7103",
        REFUSED
    ),
    taking!(
        "UDP port of a process, one address of it",
        "bind how=udp at=127.0.0.1:7103 reuse=both",
        "udp to=127.0.0.1:7103",
        REFUSED
    ),
    taking!(
        "UDP port of a process, the other family",
        "bind how=udp at=[::]:7104 only=v6",
        "udp to=[::1]:7104",
        REFUSED
    ),
    taking!(
        "UDP port of a process, another address",
        "bind how=udp at=192.168.77.1:7105",
        "udp to=192.168.77.1:7105",
        FREE
    ),
    staged(
        "UDP port whose owner comes later",
        |s, a| {
            squat(
                s,
                a,
                "bind how=udp at=[::]:7161 reuse=both",
                "shared-udp=[::]:7161",
                "udp to=127.0.0.1:7161",
            )
        },
        EARLY,
    ),
];
