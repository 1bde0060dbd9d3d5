//! Packets that the program writes itself, past UDP and TCP.

use std::net::{IpAddr, SocketAddr};

use nix::libc;

use crate::packet;
use crate::report::{Args, Refused, Step, Told, ready};
use crate::sys;

/// `how=listen number=PROTOCOL word=`: hears what is for others. `how=datagram|header|protocol to= token= [from=ADDRESS:PORT] [number=PROTOCOL]`.
pub(crate) fn attack(args: &Args) -> Told {
    run(args).into()
}

fn run(args: &Args) -> Result<Told, Refused> {
    let to = args.address("to")?;
    match args.text("how") {
        "listen" => return listen(args),
        "make" => {
            crate::ring::any_socket(args, libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP)?;
            return Ok(Told::proved("made", "a raw socket"));
        }
        _ => {}
    }
    let from = match args.has("from") {
        true => args.address("from")?,
        false => SocketAddr::new(to.ip(), 40_000),
    };
    let token = args.text("token").as_bytes();
    let (protocol, bytes) = match args.text("how") {
        "header" => (
            libc::IPPROTO_RAW,
            packet::ip(from.ip(), to.ip(), 17, &packet::udp(from, to, token)),
        ),
        "protocol" => (args.number("number")?, token.to_vec()),
        _ => (libc::IPPROTO_UDP, packet::udp(from, to, token)),
    };
    let socket = sys::socket(sys::domain(to.ip()), libc::SOCK_RAW, protocol).step("socket")?;
    if args.text("how") != "header" && args.has("from") {
        sys::bind(&socket, &sys::inet(SocketAddr::new(from.ip(), 0))).step("bind")?;
    }
    // A raw socket of IPv6 takes the port for a protocol.
    let at = match to.ip() {
        IpAddr::V4(_) => to,
        IpAddr::V6(ip) => SocketAddr::new(ip.into(), 0),
    };
    sys::send_to(&socket, &bytes, 0, &sys::inet(at)).step("sendto")?;
    Ok(Told::went("sent"))
}

fn listen(args: &Args) -> Result<Told, Refused> {
    let socket = sys::socket(libc::AF_INET, libc::SOCK_RAW, args.number("number")?).step("socket")?;
    sys::patience(&socket, std::time::Duration::from_millis(20)).step("patience")?;
    ready();
    let heard = sys::until(args.patience(), || {
        let text = sys::recv_text(&socket).ok()?;
        text.contains(args.text("word")).then_some(())
    });
    Ok(match heard {
        Some(()) => Told::proved("heard", format!("{:?}, which was for another", args.text("word"))),
        None => Told::went("listening, and nothing of others came"),
    })
}
