//! Ports that another holds.

use anyhow::Result;

use super::{Answers, Attacker, Group, Row, Scene, Seen, staged, stopped};

/// The port is taken, and the clients of its owner are waited for, who come meanwhile.
fn take(scene: &Scene, attacker: Attacker, words: &str, client: &str) -> Result<Seen> {
    let (running, token) = scene.begin(attacker, &format!("{words} bait=bait- ms=700"))?;
    // A port that is shared goes to one of its holders by chance.
    for n in 0..12 {
        scene.plain(&format!("{client} token=bait-{n} ms=150"))?;
    }
    scene.end(running, &token)
}

const REFUSED: Answers = Answers::always(stopped("the bind hooks"));
const KERNEL: Answers = Answers::always(stopped("the kernel: the port is taken"));

pub(super) const GROUP: Group = Group {
    name: "ports",
    about: "ports that a workload or a process of the host holds",
    rows: ROWS,
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

const ROWS: &[Row] = &[
    taking!("TCP port of a workload", "bind how=tcp at=[::]:7001", "tcp to=127.0.0.1:7001", KERNEL),
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
        REFUSED
    ),
    taking!(
        "TCP port of a process, another address",
        "bind how=tcp at=192.168.77.1:7105 reuse=addr",
        "tcp to=192.168.77.1:7105",
        REFUSED
    ),
    taking!(
        "TCP port of a process, another loopback address",
        "bind how=tcp at=127.0.0.2:7105 reuse=addr",
        "tcp to=127.0.0.2:7105",
        REFUSED
    ),
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
        REFUSED
    ),
];
