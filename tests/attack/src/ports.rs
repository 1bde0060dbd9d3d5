//! Ports that somebody else holds.

use std::os::fd::OwnedFd;

use nix::libc;

use crate::report::{Args, Refused, Step, Told, ready};
use crate::sys;

/// `how=tcp|udp at=ADDRESS reuse=none|addr|port|both only=v6? bait=WORD`: takes the port, and waits for what clients send to
/// its owner.
pub(crate) fn attack(args: &Args) -> Told {
    run(args).into()
}

fn run(args: &Args) -> Result<Told, Refused> {
    let at = args.address("at")?;
    let stream = args.text("how") == "tcp";
    let kind = if stream {
        libc::SOCK_STREAM
    } else {
        libc::SOCK_DGRAM
    };
    let socket = sys::socket(sys::domain(at.ip()), kind, 0).step("socket")?;
    let reuse = args.text("reuse");
    if reuse == "addr" || reuse == "both" {
        sys::set_int(&socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1).step("SO_REUSEADDR")?;
    }
    if reuse == "port" || reuse == "both" {
        sys::set_int(&socket, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1).step("SO_REUSEPORT")?;
    }
    if args.has("only") {
        sys::set_int(&socket, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1).step("IPV6_V6ONLY")?;
    }
    sys::patience(&socket, args.patience()).step("patience")?;
    sys::bind(&socket, &sys::inet(at)).step("bind")?;
    if stream {
        sys::listen(&socket).step("listen")?;
    }
    ready();
    let taken = sys::until(args.patience(), || {
        let text = next(&socket, stream).ok()?;
        text.contains(args.text("bait")).then_some(text)
    });
    Ok(match taken {
        Some(text) => Told::proved("bound", format!("a client's {text:?} came here")),
        None => Told::went("bound, no client came here"),
    })
}

fn next(socket: &OwnedFd, stream: bool) -> std::io::Result<String> {
    if !stream {
        return sys::recv_text(socket);
    }
    let client = sys::accept(socket)?;
    sys::patience(&client, std::time::Duration::from_millis(300))?;
    sys::recv_text(&client)
}
