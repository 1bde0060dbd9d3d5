//! Handshakes that are written by hand, in the name of a friend of the victim.

use anyhow::Result;

use super::{Answers, Attacker, Group, NO_RAW, PACKETS, Row, Scene, Seen, staged, stopped};

/// Docker's gateway, where the friend's network and the victim's meet: there an identity travels in the handshake.
const VICTIM: &str = "172.17.0.1:7001";

/// A friend connects while the attacker listens; then the attacker does as if it were the friend.
fn forge(scene: &Scene, attacker: Attacker, words: &str) -> Result<Seen> {
    let host = &scene.lab.host;
    // Kernels would reset what they have not begun.
    for chain in ["INPUT", "OUTPUT"] {
        let rule = format!("{chain} -p tcp --tcp-flags RST RST -j DROP");
        host.must(
            "sh",
            &[
                "-c",
                &format!("iptables -C {rule} 2>/dev/null || iptables -I {rule}"),
            ],
        )?;
    }
    let (running, token) = scene.begin(attacker, &format!("handshake to={VICTIM} port={{port}} {words}"))?;
    if !running.has_ended() {
        scene.friend(&format!("tcp to={VICTIM} token=friendly"))?;
    }
    scene.end(running, &token)
}

const LEFT: Answers = Answers::levels(PACKETS, NO_RAW);
const ARRIVED: Answers = Answers::always(stopped(
    "the victim's packet hook: its own numbers are not signed",
));

pub(super) const GROUP: Group = Group {
    name: "handshakes",
    about: "SYNs with an option that is invented, seen before, or another workload's",
    rows: ROWS,
};

macro_rules! forging {
    ($name:literal, $words:literal, $answers:expr) => {
        staged($name, |scene, attacker| forge(scene, attacker, $words), $answers)
    };
}

const ROWS: &[Row] = &[
    forging!("SYN as a friend, no option, raw", "option=none through=raw", LEFT),
    forging!(
        "SYN as a friend, forged option, raw",
        "option=forged through=raw",
        LEFT
    ),
    forging!(
        "SYN as a friend, replayed option, raw",
        "option=replayed through=raw",
        LEFT
    ),
    forging!(
        "SYN as a friend, its option on another port, raw",
        "option=borrowed through=raw",
        LEFT
    ),
    forging!(
        "SYN of its own, the option of a friend, raw",
        "option=borrowed as=172.17.0.1 through=raw",
        LEFT
    ),
    forging!(
        "SYN as a friend, no option, a frame",
        "option=none through=frame",
        ARRIVED
    ),
    forging!(
        "SYN as a friend, forged option, a frame",
        "option=forged through=frame",
        ARRIVED
    ),
    forging!(
        "SYN as a friend, replayed option, a frame",
        "option=replayed through=frame",
        ARRIVED
    ),
    forging!(
        "SYN as a friend, its option on another port, a frame",
        "option=borrowed through=frame",
        ARRIVED
    ),
    forging!(
        "SYN of a neighbour, the option of a friend, a frame",
        "option=borrowed as=192.168.77.2 through=frame",
        ARRIVED
    ),
];
