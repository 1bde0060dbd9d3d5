//! When a verdict changes: a client that tries without end, and what it knocks at.

use std::collections::VecDeque;
use std::io::{BufRead, Read};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, getpeername, socket_with, sockopt};

use super::clock;

/// Longest time without the verdict that is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections that stay open, so that none is closed before its client has.
const OPEN: usize = 64;
/// From one try to the next, whatever became of it: short beside what is measured, long enough to be no load.
const REST: Duration = Duration::from_micros(200);
/// Tries that may be under way at once. One that was allowed by the old policy and whose first segment was denied by the new
/// one hears nothing until that is sent again; it says nothing about either and nobody waits for it.
const UNDER_WAY: usize = 64;

/// Accepts, and closes after the client has: see `server`, whose greeter does the same.
pub(crate) fn listen() -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen")?;
    println!("ready {}", listener.local_addr()?.port());
    thread::spawn(move || {
        let mut open = VecDeque::with_capacity(OPEN);
        for stream in listener.incoming() {
            if open.len() == OPEN {
                drop(open.pop_front());
            }
            open.push_back(stream);
        }
    });
    until_stdin_ends()
}

/// Answers each line with nanoseconds of the machine's clock.
pub(crate) fn knock(port: u16, once: bool) -> anyhow::Result<()> {
    let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    if once {
        println!("{}", until(address, true)?);
        return Ok(());
    }
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        println!("{}", until(address, line? == "allow")?);
    }
    Ok(())
}

pub(crate) fn spin() -> anyhow::Result<()> {
    println!("ready");
    thread::spawn(|| {
        loop {
            std::hint::spin_loop();
        }
    });
    until_stdin_ends()
}

/// The moment of the first such verdict.
fn until(address: SocketAddrV4, allowed: bool) -> anyhow::Result<u64> {
    let start = clock::now();
    let mut under_way = VecDeque::with_capacity(UNDER_WAY);
    let mut last = None;
    loop {
        let (socket, end) = knock_once(address)?;
        let denied = end == Some(Errno::PERM);
        under_way.truncate(UNDER_WAY - 1);
        if end.is_none() {
            under_way.push_front(socket);
        }
        // On this host a handshake is over before `connect` returns, but it does not say so.
        let answered = take_answered(&mut under_way, &mut last)?;
        let now = clock::now();
        let seen = if allowed { answered } else { denied };
        if seen {
            return Ok(now);
        }
        if u128::from(now - start) > PATIENCE.as_nanos() {
            bail!(
                "the verdict does not change: allowed is to be {allowed}, the last try ended with {end:?}, those before with {last:?}, without an answer: {}",
                under_way.len()
            );
        }
        thread::sleep(REST);
    }
}

/// A connect, and how it ended where it did at once.
fn knock_once(address: SocketAddrV4) -> anyhow::Result<(OwnedFd, Option<Errno>)> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok((socket, None)),
        Err(error @ (Errno::PERM | Errno::CONNREFUSED)) => Ok((socket, Some(error))),
        Err(error) => Err(error).context("neither allowed nor denied"),
    }
}

/// Lets go of those that have an answer; `true`: one of them is a connection.
fn take_answered(under_way: &mut VecDeque<OwnedFd>, last: &mut Option<Errno>) -> anyhow::Result<bool> {
    let mut connected = false;
    let mut failed = Ok(());
    under_way.retain(
        |socket| match (getpeername(socket), sockopt::socket_error(socket)) {
            (Ok(_), _) => {
                connected = true;
                false
            }
            (Err(_), Ok(Ok(()))) => true,
            // Denied where only packets tell, after all: an answer, but to nobody who waits.
            (Err(_), Ok(Err(error))) => {
                *last = Some(error);
                false
            }
            (Err(_), Err(error)) => {
                failed = Err(error);
                false
            }
        },
    );
    failed.context("cannot ask how a try went")?;
    Ok(connected)
}

/// The parent's end of the pipe is the life line.
fn until_stdin_ends() -> anyhow::Result<()> {
    let mut bytes = [0; 64];
    while std::io::stdin().read(&mut bytes)? > 0 {}
    Ok(())
}
