//! Connections to who was not meant.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use nix::libc;

use crate::report::{Args, Refused, Step, Told};
use crate::sys;

const SCTP: i32 = 132;
const MPTCP: i32 = 262;

/// `how=plain|mptcp|sctp|fastopen|fastopen-connect|reconnected to= token= [peer=]`.
pub(crate) fn attack(args: &Args) -> Told {
    run(args).into()
}

fn run(args: &Args) -> Result<Told, Refused> {
    let to = args.address("to")?;
    let address = sys::inet(to);
    let token = args.text("token").as_bytes();
    let how = args.text("how");
    let protocol = match how {
        "mptcp" => MPTCP,
        "sctp" => SCTP,
        _ => 0,
    };
    let socket = open(args, to, protocol)?;
    match how {
        "fastopen" => {
            fetch_cookie(args, to)?;
            sys::send_to(&socket, token, libc::MSG_FASTOPEN, &address).step("sendto with data in the SYN")?;
        }
        "fastopen-connect" => {
            fetch_cookie(args, to)?;
            sys::set_int(&socket, libc::IPPROTO_TCP, libc::TCP_FASTOPEN_CONNECT, 1)
                .step("TCP_FASTOPEN_CONNECT")?;
            sys::connect(&socket, &address).step("connect")?;
            sys::send(&socket, token).step("send")?;
        }
        "reconnected" => {
            let peer = sys::inet(args.address("peer")?);
            sys::connect(&socket, &peer).step("connect to a peer")?;
            let nobody = sys::family(libc::AF_UNSPEC, &[0; 14]);
            sys::connect(&socket, &nobody).step("connect to nobody")?;
            sys::connect(&socket, &address).step("second connect")?;
            sys::send(&socket, token).step("send")?;
        }
        _ => {
            sys::connect(&socket, &address).step("connect")?;
            sys::send(&socket, token).step("send")?;
        }
    }
    Ok(greeted(&socket, "sent"))
}

pub(crate) fn open(args: &Args, to: SocketAddr, protocol: i32) -> Result<OwnedFd, Refused> {
    let socket = sys::socket(sys::domain(to.ip()), libc::SOCK_STREAM, protocol).step("socket")?;
    sys::patience(&socket, args.patience()).step("patience")?;
    Ok(socket)
}

/// A first connection asks for the cookie; whether it may is a question of its own.
fn fetch_cookie(args: &Args, to: SocketAddr) -> Result<(), Refused> {
    let socket = open(args, to, 0)?;
    let _ = sys::send_to(&socket, b"cookie", libc::MSG_FASTOPEN, &sys::inet(to));
    let _ = sys::recv_text(&socket);
    Ok(())
}

/// A greeting is proof that somebody took the connection.
pub(crate) fn greeted(socket: &OwnedFd, outcome: &str) -> Told {
    match sys::recv_text(socket) {
        Ok(text) if !text.is_empty() => Told::proved(outcome, format!("{text:?} came back")),
        Ok(_) => Told::went(format!("{outcome}, then closed")),
        Err(_) => Told::went(format!("{outcome}, nothing came back")),
    }
}
