//! Sockets that change hands.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use nix::libc;

use crate::report::{Args, Refused, Step, Told, ready};
use crate::sys;

/// `what=connected|listening|blank-tcp|blank-udp|raw over=PATH [to=] [at=]`: gives such a socket to whoever comes.
pub(crate) fn give(args: &Args) -> Told {
    (|| {
        let socket = make(args)?;
        let door = sys::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0).step("socket")?;
        sys::patience(&door, Duration::from_secs(5)).step("patience")?;
        sys::bind(&door, &sys::path(args.text("over"))).step("bind")?;
        sys::listen(&door).step("listen")?;
        ready();
        let taker = sys::accept(&door).step("accept")?;
        sys::pass(&taker, socket.as_raw_fd()).step("sendmsg")?;
        // The giver stays until the taker is done, so that nothing ends with it.
        let _ = sys::recv_text(&taker);
        Ok(Told::went("given"))
    })()
    .into()
}

fn make(args: &Args) -> Result<OwnedFd, Refused> {
    let (kind, protocol) = match args.text("what") {
        "blank-udp" => (libc::SOCK_DGRAM, 0),
        "raw" => (libc::SOCK_RAW, libc::IPPROTO_RAW),
        _ => (libc::SOCK_STREAM, 0),
    };
    let socket = sys::socket(libc::AF_INET, kind, protocol).step("socket")?;
    sys::patience(&socket, args.patience()).step("patience")?;
    match args.text("what") {
        "connected" => sys::connect(&socket, &sys::inet(args.address("to")?)).step("connect")?,
        "listening" => {
            sys::set_int(&socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1).step("SO_REUSEADDR")?;
            sys::bind(&socket, &sys::inet(args.address("at")?)).step("bind")?;
            sys::listen(&socket).step("listen")?;
        }
        _ => {}
    }
    Ok(socket)
}

/// `how=send|connect|sendto|packet|accept over=PATH to= token= bait=`: takes a socket and uses it.
pub(crate) fn take(args: &Args) -> Told {
    (|| {
        let door = sys::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0).step("socket")?;
        sys::connect(&door, &sys::path(args.text("over"))).step("connect to the giver")?;
        let socket = sys::take(&door).step("recvmsg")?;
        used(args, &socket)
    })()
    .into()
}

fn used(args: &Args, socket: &OwnedFd) -> Result<Told, Refused> {
    let token = args.text("token").as_bytes();
    match args.text("how") {
        "send" => sys::send(socket, token)
            .step("send on another's connection")
            .map(drop)?,
        "accept" => {
            ready();
            let taken = sys::until(args.patience(), || {
                let client = sys::accept(socket).ok()?;
                let text = sys::recv_text(&client).ok()?;
                text.contains(args.text("bait")).then_some(text)
            });
            return Ok(match taken {
                Some(text) => Told::proved("accepted", format!("a client's {text:?} came here")),
                None => Told::went("nobody came"),
            });
        }
        "sendto" => {
            let to = sys::inet(args.address("to")?);
            sys::send_to(socket, token, 0, &to)
                .step("sendto on another's socket")
                .map(drop)?;
        }
        "packet" => {
            let to = args.address("to")?;
            let from = std::net::SocketAddr::new(to.ip(), 40_001);
            let bytes = crate::packet::ip(to.ip(), to.ip(), 17, &crate::packet::udp(from, to, token));
            sys::send_to(socket, &bytes, 0, &sys::inet(to))
                .step("sendto on another's raw socket")
                .map(drop)?;
        }
        _ => {
            let to = sys::inet(args.address("to")?);
            sys::connect(socket, &to).step("connect another's socket")?;
            sys::send(socket, token).step("send").map(drop)?;
        }
    }
    Ok(Told::went("sent"))
}
