//! Abstract unix sockets: they belong to the network namespace, and so to everybody on the host's network.

use nix::libc;

use crate::report::{Args, Refused, Step, Told, ready};
use crate::sys;

/// `how=stream|seqpacket|dgram|dgram-connected|take name= token=`.
pub(crate) fn attack(args: &Args) -> Told {
    run(args).into()
}

fn run(args: &Args) -> Result<Told, Refused> {
    let name = sys::abstract_name(args.text("name"));
    let token = args.text("token").as_bytes();
    let how = args.text("how");
    let kind = match how {
        "seqpacket" => libc::SOCK_SEQPACKET,
        "dgram" | "dgram-connected" => libc::SOCK_DGRAM,
        _ => libc::SOCK_STREAM,
    };
    let socket = sys::socket(libc::AF_UNIX, kind, 0).step("socket")?;
    sys::patience(&socket, args.patience()).step("patience")?;
    match how {
        "dgram" => {
            sys::send_to(&socket, token, 0, &name).step("sendto")?;
        }
        "take" => {
            sys::bind(&socket, &name).step("bind")?;
            sys::listen(&socket).step("listen")?;
            ready();
            let client = sys::accept(&socket).step("bound, accept")?;
            let text = sys::recv_text(&client).step("recv")?;
            return Ok(Told::proved(
                "bound",
                format!("{text:?} was meant for somebody else"),
            ));
        }
        _ => {
            sys::connect(&socket, &name).step("connect")?;
            sys::send(&socket, token).step("send")?;
        }
    }
    Ok(Told::went("sent"))
}
