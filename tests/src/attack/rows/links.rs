//! The link below IP, and raw sockets that hear what is for others.

use anyhow::Result;

use super::{
    Answer, Answers, Attacker, Group, NO_RAW, PACKETS, Row, Scene, Seen, open, row, seen, staged, stopped,
};

const DROP_RAW: &str = "cap_drop: [NET_RAW]";
const NOT_ASKED: Answer = open(
    "nothing refuses it by default, and only BPF LSM sees it",
    DROP_RAW,
);
const FRAMES: Answers = Answers::made(NOT_ASKED, DROP_RAW);
/// A protected receiver has hooks of its own.
const ARRIVED: Answers = Answers::always(stopped("the victim's packet hook"));

/// A secret passes while the attacker listens.
fn overhear(
    scene: &Scene,
    attacker: Attacker,
    words: &str,
    speak: impl Fn(&Scene, &str) -> Result<()>,
) -> Result<Seen> {
    let (running, _) = scene.begin(attacker, &format!("{words} word=s-{{token}} ms=700"))?;
    let secret = format!("s-{}", scene.last());
    if !running.has_ended() {
        speak(scene, &secret)?;
    }
    running.end()
}

/// Over loopback, by UDP, between processes of the host.
fn to_process(scene: &Scene, secret: &str) -> Result<()> {
    scene
        .plain(&format!("udp to=127.0.0.1:7101 token={secret}"))
        .map(drop)
}

fn to_process_by_tcp(scene: &Scene, secret: &str) -> Result<()> {
    scene
        .plain(&format!("tcp to=127.0.0.1:7101 token={secret}"))
        .map(drop)
}

/// Over Docker's bridge, from a friend to the victim.
fn to_victim(scene: &Scene, secret: &str) -> Result<()> {
    scene.friend(&format!("tcp to=172.17.0.1:7001 token={secret}"))
}

/// A frame with the address and the port of a friend who has just sent a datagram.
fn as_friend(scene: &Scene, attacker: Attacker) -> Result<Seen> {
    scene.friend("udp to=172.17.0.1:7001 port=45000 token=friendly")?;
    let friend = scene
        .lab
        .engine
        .docker(&["inspect", "-f", "{{.NetworkSettings.IPAddress}}", "friend"])?;
    scene.strike(
        attacker,
        &format!("inject interface=lo from={friend}:45000 to=172.17.0.1:7001"),
    )
}

/// A raw socket is refused by nobody by default, and told of.
fn make(scene: &Scene, attacker: Attacker, words: &str) -> Result<Seen> {
    let mut seen = scene.strike(attacker, words)?;
    if let Some(effect) = &mut seen.effect
        && scene.is_recorded("socket")?
    {
        effect.push_str(", recorded");
    }
    Ok(seen)
}

const RAW: Answers = Answers::levels(seen("cofferdam.contain: strict"), NO_RAW);

/// What is for nobody here: its copy is judged as if it were for the listener.
const HEARD: Answers = Answers::levels(PACKETS, NO_RAW);

pub(super) const GROUP: Group = Group {
    name: "links",
    about: "AF_PACKET, and raw sockets that hear what is for others",
    rows: ROWS,
};

const ROWS: &[Row] = &[
    staged(
        "AF_PACKET, capture on loopback",
        |s, a| overhear(s, a, "capture interface=lo", to_process),
        FRAMES,
    )
    .doctor("packet"),
    staged(
        "AF_PACKET, capture on every interface",
        |s, a| overhear(s, a, "capture how=cooked interface=any", to_victim),
        FRAMES,
    )
    .doctor("packet"),
    staged(
        "AF_PACKET, asked for as AF_INET (SOCK_PACKET)",
        |s, a| overhear(s, a, "capture how=old interface=any", to_victim),
        FRAMES,
    )
    .doctor("packet"),
    staged(
        "AF_PACKET by io_uring",
        |s, a| overhear(s, a, "capture by=ring interface=lo", to_process),
        FRAMES,
    )
    .doctor("packet"),
    staged(
        "AF_PACKET by the 32-bit call",
        |s, a| overhear(s, a, "capture by=compat interface=lo", to_process),
        FRAMES,
    )
    .doctor("packet"),
    row(
        "AF_PACKET, a frame to a process, IPv6",
        "inject interface=lo from=[::1]:40000 to=[::1]:7101",
        FRAMES,
    )
    .doctor("packet"),
    row(
        "AF_PACKET, a frame to a process, as a neighbour",
        "inject how=cooked interface=lo from=192.168.77.9:40000 to=192.168.77.1:7101",
        FRAMES,
    )
    .doctor("packet"),
    row(
        "AF_PACKET, a frame to a workload, IPv6",
        "inject interface=lo from=[::1]:40000 to=[::1]:7001",
        ARRIVED,
    ),
    row(
        "AF_PACKET, a frame to a workload, as a neighbour",
        "inject interface=lo from=192.168.77.9:40000 to=192.168.77.1:7001",
        ARRIVED,
    ),
    staged(
        "AF_PACKET, a frame to a workload, as its friend",
        as_friend,
        ARRIVED,
    ),
    staged(
        "raw socket",
        |s, a| make(s, a, "raw how=make to=127.0.0.1:0"),
        RAW,
    )
    .doctor("raw"),
    staged(
        "raw socket by io_uring",
        |s, a| make(s, a, "raw how=make by=ring to=127.0.0.1:0"),
        RAW,
    )
    .doctor("raw"),
    staged(
        "raw socket, hears the UDP of others",
        |s, a| overhear(s, a, "raw how=listen number=17 to=127.0.0.1:0", to_process),
        HEARD,
    ),
    staged(
        "raw socket, hears the TCP of others",
        |s, a| overhear(s, a, "raw how=listen number=6 to=127.0.0.1:0", to_process_by_tcp),
        HEARD,
    ),
    staged(
        "raw socket, hears the TCP of workloads",
        |s, a| overhear(s, a, "raw how=listen number=6 to=127.0.0.1:0", to_victim),
        HEARD,
    ),
];
