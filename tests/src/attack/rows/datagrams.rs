//! UDP, in every way to send it.

use super::{Answers, CONNECT, Group, NO_RAW, PACKETS, Row, SENDMSG, row};

const SENT: Answers = Answers::always(SENDMSG);
const CALLED: Answers = Answers::always(CONNECT);
/// An unprotected receiver has no hooks, so what leaves is judged where it leaves.
const LEFT: Answers = Answers::levels(PACKETS, NO_RAW);

pub(super) const GROUP: Group = Group {
    name: "datagrams",
    about: "UDP to a protected workload and to a process of the host, multicast and broadcast",
    rows: ROWS,
};

pub(super) const RAW: Group = Group {
    name: "raw",
    about: "datagrams past the calls of UDP: raw sockets and io_uring",
    rows: RAW_ROWS,
};

const ROWS: &[Row] = &[
    row(
        "UDP, sendto, to a workload",
        "udp how=sendto to=127.0.0.1:7001",
        SENT,
    ),
    row(
        "UDP, sendto, to a process",
        "udp how=sendto to=127.0.0.1:7101",
        SENT,
    ),
    row(
        "UDP, sendto, IPv6, to a workload",
        "udp how=sendto to=[::1]:7001",
        SENT,
    ),
    row(
        "UDP, sendto, IPv6, to a process",
        "udp how=sendto to=[::1]:7101",
        SENT,
    ),
    row(
        "UDP, sendmmsg, to a workload",
        "udp how=sendmmsg to=127.0.0.1:7001",
        SENT,
    ),
    row(
        "UDP, sendmmsg, to a process",
        "udp how=sendmmsg to=127.0.0.1:7101",
        SENT,
    ),
    row(
        "UDP, connected, to a workload",
        "udp how=connected to=127.0.0.1:7001",
        CALLED,
    ),
    row(
        "UDP, connected to a peer, then elsewhere",
        "udp how=reconnected peer=192.168.77.1:7301 to=127.0.0.1:7001",
        CALLED,
    ),
    row(
        "UDP, connected to a peer, then to nobody, sendto",
        "udp how=disconnected peer=192.168.77.1:7301 to=127.0.0.1:7001",
        SENT,
    ),
    row(
        "UDP, connected to a peer, sendto elsewhere",
        "udp how=aside peer=192.168.77.1:7301 to=127.0.0.1:7001",
        SENT,
    ),
    row(
        "UDP, IPv4-mapped, sendto, to a workload",
        "udp how=sendto to=[::ffff:127.0.0.1]:7001",
        SENT,
    ),
    row(
        "UDP, IPv4-mapped, connected, to a process",
        "udp how=connected to=[::ffff:127.0.0.1]:7101",
        CALLED,
    ),
    row(
        "UDP from a neighbour's address (IP_TRANSPARENT), to a process",
        "udp from=192.168.77.2:45001 to=127.0.0.1:7101",
        SENT,
    ),
    row(
        "multicast, IPv4",
        "group to=239.7.7.7:7110 from=192.168.77.1",
        SENT,
    ),
    row("multicast, IPv6", "group to=[ff02::7707%{lan}]:7111", SENT),
    row(
        "broadcast on the LAN",
        "group to=192.168.77.255:7201 from=192.168.77.1",
        SENT,
    ),
    row(
        "broadcast to everybody",
        "group to=255.255.255.255:7201 from=192.168.77.1",
        SENT,
    ),
    row(
        "broadcast on loopback",
        "group to=127.255.255.255:7101 from=127.0.0.1",
        SENT,
    ),
];

const RAW_ROWS: &[Row] = &[
    row(
        "UDP by a raw socket, to a workload",
        "raw how=datagram to=127.0.0.1:7001",
        LEFT,
    ),
    row(
        "UDP by a raw socket, to a process",
        "raw how=datagram to=127.0.0.1:7101",
        LEFT,
    ),
    row(
        "UDP by a raw socket, IPv6, to a process",
        "raw how=datagram to=[::1]:7101",
        LEFT,
    ),
    row(
        "UDP, IP_HDRINCL, to a workload",
        "raw how=header to=127.0.0.1:7001",
        LEFT,
    ),
    row(
        "UDP, IP_HDRINCL, to a process",
        "raw how=header to=127.0.0.1:7101",
        LEFT,
    ),
    row(
        "UDP, IP_HDRINCL, IPv6, to a workload",
        "raw how=header to=[::1]:7001",
        LEFT,
    ),
    row(
        "UDP, IP_HDRINCL, from a LAN address, to a process",
        "raw how=header from=192.168.77.2:40000 to=127.0.0.1:7101",
        LEFT,
    ),
    row(
        "SCTP's protocol by a raw socket, to a workload",
        "raw how=protocol number=132 to=127.0.0.1:0",
        LEFT,
    ),
    row(
        "io_uring, send to an address",
        "ring how=sendto to=127.0.0.1:7001",
        SENT,
    ),
    row(
        "io_uring, send to an address, by a thread of the kernel",
        "ring how=sendto flags=poll to=127.0.0.1:7101",
        SENT,
    ),
    row(
        "io_uring, connected datagram",
        "ring how=datagram to=127.0.0.1:7001",
        CALLED,
    ),
];
