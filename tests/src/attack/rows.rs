//! Every attack: how it is tried, and what the table says of it.

use anyhow::Result;

use super::Seen;
use super::scene::{Attacker, Scene};
use super::table::{Answer, Answers, open, seen, stopped};

mod datagrams;
mod hands;
mod handshakes;
mod kernel;
mod links;
mod ports;
mod reach;
mod streams;

/// Attacks that are tried in one scene, in less than a minute.
pub struct Group {
    /// Its name.
    pub name: &'static str,
    /// What they have in common.
    pub about: &'static str,
    pub(super) rows: &'static [Row],
}

/// One attack.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) play: Play,
    pub(super) answers: Answers,
    /// What `cofferdam doctor` calls it; empty where its table has no row for it.
    pub(super) doctor: &'static str,
}

/// How it is tried.
pub(super) enum Play {
    /// By this command of the attack program.
    Words(&'static str),
    /// By the command and something of ours.
    With(fn(&Scene, Attacker) -> Result<Seen>),
}

/// All of them.
pub const GROUPS: &[Group] = &[
    datagrams::GROUP,
    datagrams::RAW,
    streams::GROUP,
    handshakes::GROUP,
    reach::GROUP,
    ports::TCP,
    ports::UDP,
    links::GROUP,
    kernel::NAMES_AND_SYSCTLS,
    kernel::FAMILIES,
    hands::PASSED,
    hands::CGROUPS,
    hands::OLDER,
    hands::SWAPS,
];

const CONNECT: Answer = stopped("the connect hook");
const SENDMSG: Answer = stopped("the sendmsg hook");
const NO_RAW: Answer = stopped("the socket hook: no raw sockets");
const OWN_LOOPBACK: Answer = stopped("a loopback of its own");
const PACKETS: Answer = stopped("the packet hooks");

const fn row(name: &'static str, words: &'static str, answers: Answers) -> Row {
    Row {
        name,
        play: Play::Words(words),
        answers,
        doctor: "",
    }
}

const fn staged(name: &'static str, play: fn(&Scene, Attacker) -> Result<Seen>, answers: Answers) -> Row {
    Row {
        name,
        play: Play::With(play),
        answers,
        doctor: "",
    }
}

// === impl Row ===

impl Row {
    /// The row of `cofferdam doctor` that says the same.
    const fn doctor(self, what: &'static str) -> Self {
        Self { doctor: what, ..self }
    }
}
