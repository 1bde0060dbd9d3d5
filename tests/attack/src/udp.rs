//! Datagrams, connected or not, to who was not meant.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use nix::libc;

use crate::report::{Args, Refused, Step, Told};
use crate::sys;

/// `how=sendto|sendmmsg|connected|reconnected|disconnected|aside|pktinfo to= token= [peer=] [port=OWN] [from=FOREIGN_ADDRESS]`: `peer` is one that it may reach.
pub(crate) fn attack(args: &Args) -> Told {
    run(args).into()
}

fn run(args: &Args) -> Result<Told, Refused> {
    let to = args.address("to")?;
    let socket = open(to)?;
    own_end(args, &socket, to)?;
    let address = sys::inet(to);
    let token = args.text("token").as_bytes();
    match args.text("how") {
        "sendmmsg" => {
            let sent = sys::send_many(&socket, token, &address, 4).step("sendmmsg")?;
            return Ok(Told::went(format!("{sent} of 4 sent")));
        }
        "connected" => {
            sys::connect(&socket, &address).step("connect")?;
            sys::send(&socket, token).step("send")?;
        }
        "reconnected" => {
            meet(args, &socket)?;
            sys::connect(&socket, &address).step("second connect")?;
            sys::send(&socket, token).step("send")?;
        }
        "disconnected" => {
            meet(args, &socket)?;
            let nobody = sys::family(libc::AF_UNSPEC, &[0; 14]);
            sys::connect(&socket, &nobody).step("connect to nobody")?;
            sys::send_to(&socket, token, 0, &address).step("sendto")?;
        }
        "aside" => {
            meet(args, &socket)?;
            sys::send_to(&socket, token, 0, &address).step("sendto on a connected socket")?;
        }
        _ => {
            sys::send_to(&socket, token, 0, &address).step("sendto")?;
        }
    }
    Ok(Told::went("sent"))
}

/// `port=` of its own, or an address that is another's.
fn own_end(args: &Args, socket: &OwnedFd, to: SocketAddr) -> Result<(), Refused> {
    if args.has("port") {
        let port = u16::try_from(args.number("port")?).unwrap_or_default();
        let own = SocketAddr::new(
            if to.is_ipv4() {
                [0; 4].into()
            } else {
                [0_u16; 8].into()
            },
            port,
        );
        sys::bind(socket, &sys::inet(own)).step("bind")?;
    }
    if args.has("from") {
        sys::set_int(socket, libc::IPPROTO_IP, libc::IP_TRANSPARENT, 1).step("IP_TRANSPARENT")?;
        sys::bind(socket, &sys::inet(args.address("from")?)).step("bind to a foreign address")?;
    }
    Ok(())
}

pub(crate) fn open(to: SocketAddr) -> Result<OwnedFd, Refused> {
    let socket = sys::socket(sys::domain(to.ip()), libc::SOCK_DGRAM, 0).step("socket")?;
    Ok(socket)
}

/// Connects to a peer first and says hello.
fn meet(args: &Args, socket: &OwnedFd) -> Result<(), Refused> {
    let peer = sys::inet(args.address("peer")?);
    sys::connect(socket, &peer).step("connect to a peer")?;
    sys::send(socket, b"hello").step("send to a peer").map(drop)
}
