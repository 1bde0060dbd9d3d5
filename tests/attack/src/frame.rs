//! Frames past every hook of IP: AF_PACKET.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::libc;

use crate::packet;
use crate::report::{Args, Refused, Step, Told, ready};
use crate::{ring, sys};

const EVERYTHING: u16 = 3;
/// The type of old, which is asked for as one of AF_INET.
const SOCK_PACKET: i32 = 10;

/// A socket that sees and sends frames of an interface; of all where it is `any`.
pub(crate) fn open(interface: &str, cooked: bool) -> Result<OwnedFd, Refused> {
    let kind = if cooked { libc::SOCK_DGRAM } else { libc::SOCK_RAW };
    let protocol = i32::from(EVERYTHING.to_be());
    let socket = sys::socket(libc::AF_PACKET, kind, protocol).step("socket")?;
    sys::patience(&socket, Duration::from_millis(20)).step("patience")?;
    if interface != "any" {
        sys::bind(&socket, &address(interface, [0; 6])?).step("bind")?;
    }
    Ok(socket)
}

/// Where a frame goes out, and to which station.
pub(crate) fn address(interface: &str, station: [u8; 6]) -> Result<sys::Address, Refused> {
    let number = sys::interface(interface).step(interface)?;
    let rest = [
        &EVERYTHING.to_be_bytes()[..],
        &number.to_ne_bytes(),
        &[0, 0, 0, 6],
        &station,
        &[0, 0],
    ]
    .concat();
    Ok(sys::family(libc::AF_PACKET, &rest))
}

fn listening(args: &Args) -> Result<OwnedFd, Refused> {
    let protocol = i32::from(EVERYTHING.to_be());
    let (domain, kind) = match args.text("how") {
        "old" => (libc::AF_INET, SOCK_PACKET),
        "cooked" => (libc::AF_PACKET, libc::SOCK_DGRAM),
        _ => (libc::AF_PACKET, libc::SOCK_RAW),
    };
    let socket = ring::any_socket(args, domain, kind, protocol)?;
    sys::patience(&socket, Duration::from_millis(20)).step("patience")?;
    if args.text("interface") != "any" {
        sys::bind(&socket, &address(args.text("interface"), [0; 6])?).step("bind")?;
    }
    Ok(socket)
}

/// `interface= word= how=|cooked|old by=`: waits for a packet of others that carries the word.
pub(crate) fn capture(args: &Args) -> Told {
    (|| {
        let socket = listening(args)?;
        ready();
        let word = args.text("word");
        let mut buffer = [0; 4096];
        let found = sys::until(args.patience(), || {
            let n = sys::recv(&socket, &mut buffer).ok()?;
            String::from_utf8_lossy(&buffer[..n]).contains(word).then_some(n)
        });
        Ok(match found {
            Some(n) => Told::proved("captured", format!("{n} bytes of others with {word:?}")),
            None => Told::went("listening, and nothing of others came"),
        })
    })()
    .into()
}

/// `interface= to= from= token= [station=00:11:22:33:44:55]`: a datagram in a frame.
pub(crate) fn inject(args: &Args) -> Told {
    (|| {
        let cooked = args.text("how") == "cooked";
        let interface = args.text("interface");
        let socket = open(interface, cooked)?;
        let (from, to) = (args.address("from")?, args.address("to")?);
        let datagram = packet::udp(from, to, args.text("token").as_bytes());
        let ip = packet::ip(from.ip(), to.ip(), 17, &datagram);
        send(&socket, interface, station(args.text("station")), &ip, cooked, to)?;
        Ok(Told::went("sent"))
    })()
    .into()
}

/// Sends a packet of IP as a frame.
pub(crate) fn send(
    socket: &OwnedFd,
    interface: &str,
    station: [u8; 6],
    ip: &[u8],
    cooked: bool,
    to: SocketAddr,
) -> Result<(), Refused> {
    let mut at = address(interface, station)?;
    let kind: u16 = if to.is_ipv4() { 0x0800 } else { 0x86dd };
    at[2..4].copy_from_slice(&kind.to_be_bytes());
    let bytes = if cooked {
        ip.to_vec()
    } else {
        packet::frame([0; 6], station, ip)
    };
    sys::send_to(socket, &bytes, 0, &at).step("sendto").map(drop)
}

fn station(text: &str) -> [u8; 6] {
    let mut bytes = [0; 6];
    for (byte, part) in bytes.iter_mut().zip(text.split(':')) {
        *byte = u8::from_str_radix(part, 16).unwrap_or_default();
    }
    bytes
}
