//! TCP and its kin.

use super::{Answers, CONNECT, Group, Row, row, stopped};

const CALLED: Answers = Answers::always(CONNECT);
const MADE: Answers = Answers::always(stopped("the socket hook (EPROTONOSUPPORT)"));
const FAST: Answers = Answers::always(stopped("the hooks of socket options and connect"));

pub(super) const GROUP: Group = Group {
    name: "streams",
    about: "TCP, Fast Open, Multipath TCP, SCTP, io_uring",
    rows: ROWS,
};

const ROWS: &[Row] = &[
    row("TCP, to a workload", "tcp how=plain to=127.0.0.1:7001", CALLED),
    row("TCP, to a process", "tcp how=plain to=127.0.0.1:7101", CALLED),
    row(
        "TCP, connected to a peer, then elsewhere",
        "tcp how=reconnected peer=192.168.77.1:7301 to=127.0.0.1:7001",
        CALLED,
    ),
    row(
        "TCP, IPv4-mapped, to a workload",
        "tcp how=plain to=[::ffff:127.0.0.1]:7001",
        CALLED,
    ),
    row(
        "TCP, IPv4-mapped, to a process",
        "tcp how=plain to=[::ffff:127.0.0.1]:7101",
        CALLED,
    ),
    row(
        "TCP Fast Open, data in the SYN, to a workload",
        "tcp how=fastopen to=127.0.0.1:7006",
        FAST,
    ),
    row(
        "TCP Fast Open, data in the SYN, to a process",
        "tcp how=fastopen to=127.0.0.1:7106",
        FAST,
    ),
    row(
        "TCP Fast Open, IPv6, to a process",
        "tcp how=fastopen to=[::1]:7106",
        FAST,
    ),
    row(
        "TCP Fast Open by connect, to a workload",
        "tcp how=fastopen-connect to=127.0.0.1:7006",
        FAST,
    ),
    row(
        "Multipath TCP, to a workload",
        "tcp how=mptcp to=127.0.0.1:7007",
        MADE,
    ),
    row(
        "Multipath TCP, to a process",
        "tcp how=mptcp to=127.0.0.1:7107",
        MADE,
    ),
    row("SCTP", "tcp how=sctp to=127.0.0.1:7001", CALLED),
    row(
        "io_uring, connect and send, to a workload",
        "ring how=connect to=127.0.0.1:7001",
        CALLED,
    ),
    row(
        "io_uring, connect and send, to a process",
        "ring how=connect to=127.0.0.1:7101",
        CALLED,
    ),
    row(
        "io_uring, connect and send, by another thread",
        "ring how=connect flags=async to=127.0.0.1:7001",
        CALLED,
    ),
    row(
        "io_uring, connect and send, by a thread of the kernel",
        "ring how=connect flags=poll to=127.0.0.1:7001",
        CALLED,
    ),
];
