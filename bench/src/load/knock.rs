//! When a verdict changes: a client that tries without end, and what it knocks at.

use std::collections::VecDeque;
use std::io::{BufRead, ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::io::Errno;

use super::clock;

/// Longest time without the verdict that is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections that stay open, so that none is closed before its client has.
const OPEN: usize = 64;
/// Longest wait for one connect: what is allowed takes a tenth of a millisecond.
const TRY: Duration = Duration::from_millis(200);
/// Rest between two tries: short beside what is measured, long enough to be no load.
const REST: Duration = Duration::from_micros(200);

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
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
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
fn until(address: SocketAddr, allowed: bool) -> anyhow::Result<u64> {
    let start = clock::now();
    loop {
        let seen = match TcpStream::connect_timeout(&address, TRY) {
            Ok(_) => Some(true),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::PERM) => Some(false),
            // Allowed by the old policy and its first segment denied by the new one: no verdict of either.
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::ConnectionRefused) => None,
            Err(error) => return Err(error).context("neither allowed nor denied"),
        };
        let now = clock::now();
        if seen == Some(allowed) {
            return Ok(now);
        }
        if u128::from(now - start) > PATIENCE.as_nanos() {
            bail!("the verdict does not change");
        }
        thread::sleep(REST);
    }
}

/// The parent's end of the pipe is the life line.
fn until_stdin_ends() -> anyhow::Result<()> {
    let mut bytes = [0; 64];
    while std::io::stdin().read(&mut bytes)? > 0 {}
    Ok(())
}
