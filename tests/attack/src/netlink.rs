//! Netlink: what the kernel tells of the namespace, and what it lets be changed.

use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::libc;

use crate::report::{Args, Refused, Step, Told};
use crate::{ring, sys};

const SOCK_DIAG: i32 = 4;
const NETFILTER: i32 = 12;
const REQUEST: u16 = 1;
const ACK: u16 = 4;
const DUMP: u16 = 0x300;
const CREATE: u16 = 0x400;

/// `what=addresses|route|sockets|destroy|table|FAMILY_NUMBER [port=] [by=]`.
pub(crate) fn attack(args: &Args) -> Told {
    match args.text("what") {
        "addresses" => addresses(args),
        "route" => route(args),
        "sockets" => sockets(args),
        "destroy" => destroy(args),
        "table" => table(args),
        _ => family(args),
    }
    .into()
}

fn open(args: &Args, family: i32) -> Result<OwnedFd, Refused> {
    let socket = ring::any_socket(args, libc::AF_NETLINK, libc::SOCK_RAW, family)?;
    sys::patience(&socket, Duration::from_millis(500)).step("patience")?;
    sys::bind(&socket, &sys::family(libc::AF_NETLINK, &[0; 10])).step("bind")?;
    Ok(socket)
}

fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 16).unwrap_or_default();
    let mut bytes = [
        &size.to_ne_bytes()[..],
        &kind.to_ne_bytes(),
        &flags.to_ne_bytes(),
        &1_u32.to_ne_bytes(),
        &[0; 4],
        body,
    ]
    .concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let size = u16::try_from(value.len() + 4).unwrap_or_default();
    let mut bytes = [&size.to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// The body of each message of an answer, until it ends; the error that it says.
fn ask(socket: &OwnedFd, bytes: &[u8]) -> Result<Vec<Vec<u8>>, Refused> {
    sys::send_to(socket, bytes, 0, &[]).step("send")?;
    let mut found = Vec::new();
    let mut buffer = vec![0; 65_536];
    loop {
        let n = sys::recv(socket, &mut buffer).step("answer")?;
        let mut rest = &buffer[..n];
        while rest.len() >= 16 {
            let size = u32::from_ne_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
            let kind = u16::from_ne_bytes([rest[4], rest[5]]);
            let body = &rest[16..size.clamp(16, rest.len())];
            match kind {
                // NLMSG_ERROR, with an error or without; NLMSG_DONE.
                2 => {
                    let errno = body.first_chunk().map_or(0, |bytes| i32::from_ne_bytes(*bytes));
                    if errno == 0 {
                        return Ok(found);
                    }
                    return Err(std::io::Error::from_raw_os_error(-errno)).step("answer");
                }
                3 => return Ok(found),
                _ => found.push(body.to_vec()),
            }
            rest = &rest[size.next_multiple_of(4).min(rest.len())..];
        }
    }
}

/// RTM_GETADDR.
fn addresses(args: &Args) -> Result<Told, Refused> {
    let socket = open(args, libc::NETLINK_ROUTE)?;
    let found = ask(&socket, &message(22, REQUEST | DUMP, &[0; 8]))?;
    let count = found.len();
    Ok(Told::proved(
        "read",
        format!("{count} addresses of the namespace"),
    ))
}

/// RTM_NEWROUTE: a route to nowhere for a documentation prefix.
fn route(args: &Args) -> Result<Told, Refused> {
    let socket = open(args, libc::NETLINK_ROUTE)?;
    // IPv4, /24, table main, protocol static, scope universe, type blackhole.
    let head = [2, 24, 0, 0, 254, 4, 0, 6, 0, 0, 0, 0];
    let body = [&head[..], &attribute(1, &[198, 51, 100, 0])].concat();
    ask(&socket, &message(24, REQUEST | ACK | CREATE, &body))?;
    Ok(Told::went("the kernel said yes"))
}

fn inet_diag(family: u8, states: u32, id: &[u8; 48]) -> Vec<u8> {
    [&[family, 6, 0, 0][..], &states.to_ne_bytes(), id].concat()
}

/// Listening TCP sockets of everybody.
fn sockets(args: &Args) -> Result<Told, Refused> {
    let socket = open(args, SOCK_DIAG)?;
    let body = inet_diag(10, 1 << 10, &[0; 48]);
    let found = ask(&socket, &message(20, REQUEST | DUMP, &body))?;
    let port: u16 = args.text("port").parse().unwrap_or_default();
    let seen = found
        .iter()
        .any(|body| body.get(4..6) == Some(&port.to_be_bytes()));
    Ok(if seen {
        Told::proved("read", format!("sees who listens on {port}"))
    } else {
        Told::went(format!("read {} sockets, not that one", found.len()))
    })
}

/// SOCK_DESTROY for a connection whose server has this port.
fn destroy(args: &Args) -> Result<Told, Refused> {
    let socket = open(args, SOCK_DIAG)?;
    let port: u16 = args.text("port").parse().unwrap_or_default();
    for family in [2, 10] {
        let found = ask(
            &socket,
            &message(20, REQUEST | DUMP, &inet_diag(family, 1 << 1, &[0; 48])),
        )?;
        let to_it = found
            .iter()
            .find(|body| body.get(6..8) == Some(&port.to_be_bytes()));
        let Some(id) = to_it
            .and_then(|body| body.get(4..52))
            .and_then(|id| id.first_chunk())
        else {
            continue;
        };
        ask(
            &socket,
            &message(21, REQUEST | ACK, &inet_diag(family, u32::MAX, id)),
        )?;
        return Ok(Told::went("the kernel said yes"));
    }
    Ok(Told::went("found no such connection"))
}

/// A table of nftables with a name that shows.
fn table(args: &Args) -> Result<Told, Refused> {
    let socket = open(args, NETFILTER)?;
    let subsystem = |kind: u16| 10 << 8 | kind;
    let body = [&[2, 0, 0, 0][..], &attribute(1, b"attack\0")].concat();
    let batch = [0, 0, 0, 10];
    let all = [
        message(16, REQUEST, &batch),
        message(subsystem(0), REQUEST | ACK | CREATE, &body),
        message(17, REQUEST, &batch),
    ]
    .concat();
    ask(&socket, &all)?;
    Ok(Told::went("the kernel said yes"))
}

/// Only whether there is such a socket: what a family can do is its own business.
fn family(args: &Args) -> Result<Told, Refused> {
    let number = args.number("what")?;
    open(args, number)?;
    Ok(Told::proved("bound", "a socket of that family"))
}
