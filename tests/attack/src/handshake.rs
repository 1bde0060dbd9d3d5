//! Handshakes written by hand: a SYN with an option that is invented, seen before or taken from another, then an ACK.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::libc;

use crate::packet::{self, ACK, Numbers, PSH, SYN};
use crate::report::{Args, Refused, Step, Told, ready};
use crate::{frame, sys};

/// The kind of the option, and what it begins with.
const OPTION: [u8; 4] = [254, 16, 0xcf, 0xda];

/// A segment as a sniffer sees it.
struct Seen {
    from: SocketAddr,
    to: SocketAddr,
    numbers: Numbers,
    option: Vec<u8>,
}

/// `to= option=none|forged|replayed|borrowed through=raw|frame [as=ADDRESS] port= token=`: sees a handshake of a friend, then tries
/// one of its own.
pub(crate) fn attack(args: &Args) -> Told {
    run(args).into()
}

fn run(args: &Args) -> Result<Told, Refused> {
    let to = args.address("to")?;
    let sniffer = frame::open("any", true)?;
    let raw = sys::socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_RAW).step("socket")?;
    ready();
    let all = friends(&sniffer, to);
    let syn = all.iter().find(|s| s.numbers.flags & (SYN | ACK) == SYN);
    let Some(syn) = syn else {
        return Ok(Told::went("saw no handshake of others"));
    };
    let mut from = syn.from;
    if let Ok(ip) = args.text("as").parse::<IpAddr>() {
        from.set_ip(ip);
    }
    let kind = args.text("option");
    let mut seq = syn.numbers.seq;
    if kind != "replayed" {
        from.set_port(u16::try_from(args.number("port")?).unwrap_or_default());
    }
    if kind == "forged" || kind == "none" {
        seq = seq.wrapping_mul(2_654_435_761);
    }
    let option = match kind {
        "none" => Vec::new(),
        "forged" => forged(&syn.option),
        _ => syn.option.clone(),
    };
    let numbers = Numbers {
        seq,
        ack: 0,
        flags: SYN,
    };
    let way = Way {
        raw: &raw,
        sniffer: &sniffer,
        framed: args.text("through") == "frame",
    };
    way.send(from, to, &packet::tcp(from, to, numbers, &option, &[]))?;
    let Some(answer) = wait(&sniffer, |s| {
        s.from == to && s.to == from && s.numbers.flags == SYN | ACK
    }) else {
        return Ok(Told::went("SYN sent, no SYN-ACK"));
    };
    complete(args, &way, from, &answer, &all)
}

/// Every option that it has seen, and none; with data, which the server reads once one of them is taken.
fn complete(
    args: &Args,
    way: &Way<'_>,
    from: SocketAddr,
    answer: &Seen,
    all: &[Seen],
) -> Result<Told, Refused> {
    let numbers = Numbers {
        seq: answer.numbers.ack,
        ack: answer.numbers.seq.wrapping_add(1),
        flags: ACK | PSH,
    };
    let none = Vec::new();
    for option in all.iter().map(|s| &s.option).chain([&answer.option, &none]) {
        let segment = packet::tcp(from, answer.from, numbers, option, args.text("token").as_bytes());
        way.send(from, answer.from, &segment)?;
    }
    Ok(Told::went("SYN-ACK came, ACK sent"))
}

/// How its packets leave.
struct Way<'a> {
    raw: &'a OwnedFd,
    sniffer: &'a OwnedFd,
    framed: bool,
}

// === impl Way ===

impl Way<'_> {
    fn send(&self, from: SocketAddr, to: SocketAddr, segment: &[u8]) -> Result<(), Refused> {
        let ip = packet::ip(from.ip(), to.ip(), 6, segment);
        if self.framed {
            return frame::send(self.sniffer, "lo", [0; 6], &ip, true, to);
        }
        sys::send_to(self.raw, &ip, 0, &sys::inet(to))
            .step("sendto")
            .map(drop)
    }
}

/// The claim as it was, the tag invented.
fn forged(option: &[u8]) -> Vec<u8> {
    let mut forged = option.to_vec();
    if forged.is_empty() {
        forged = [&OPTION[..], &[0x10, 0, 1, 0], &[0; 8]].concat();
    }
    for (at, byte) in forged.iter_mut().enumerate().skip(8) {
        *byte ^= u8::try_from(at * 31 % 256).unwrap_or_default() | 1;
    }
    forged
}

/// The segments of a whole handshake between others.
fn friends(sniffer: &OwnedFd, server: SocketAddr) -> Vec<Seen> {
    let mut all: Vec<Seen> = Vec::new();
    let over = sys::until(Duration::from_secs(3), || {
        if let Some(segment) = next(sniffer)
            && (segment.to == server || segment.from == server)
        {
            all.push(segment);
        }
        let done = all
            .iter()
            .any(|s| s.to == server && s.numbers.flags & (SYN | ACK) == ACK);
        done.then_some(())
    });
    // Whatever follows at once belongs to it.
    if over.is_some() {
        sys::until(Duration::from_millis(100), || {
            let segment = next(sniffer)?;
            if segment.to == server || segment.from == server {
                all.push(segment);
            }
            None::<()>
        });
    }
    all
}

fn wait(sniffer: &OwnedFd, wanted: impl Fn(&Seen) -> bool) -> Option<Seen> {
    sys::until(Duration::from_millis(600), || next(sniffer).filter(|s| wanted(s)))
}

fn next(sniffer: &OwnedFd) -> Option<Seen> {
    let mut buffer = [0; 2048];
    let n = sys::recv(sniffer, &mut buffer).ok()?;
    decode(&buffer[..n])
}

/// A TCP segment in a packet of IPv4.
fn decode(packet: &[u8]) -> Option<Seen> {
    if packet.first()? >> 4 != 4 || *packet.get(9)? != 6 {
        return None;
    }
    let address = |at: usize| Some(Ipv4Addr::from(*packet.get(at..)?.first_chunk::<4>()?));
    let tcp = packet.get(usize::from(packet[0] & 15) * 4..)?;
    let half = |at: usize| Some(u16::from_be_bytes(*tcp.get(at..)?.first_chunk::<2>()?));
    let word = |at: usize| Some(u32::from_be_bytes(*tcp.get(at..)?.first_chunk::<4>()?));
    let header = usize::from(*tcp.get(12)? >> 4) * 4;
    let options = tcp.get(20..header)?;
    let option = options.windows(16).find(|bytes| bytes.starts_with(&OPTION));
    Some(Seen {
        from: (address(12)?, half(0)?).into(),
        to: (address(16)?, half(2)?).into(),
        numbers: Numbers {
            seq: word(4)?,
            ack: word(8)?,
            flags: *tcp.get(13)?,
        },
        option: option.map(<[u8]>::to_vec).unwrap_or_default(),
    })
}
