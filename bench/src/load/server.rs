//! The server: a greeter, an echo port, a sink port, their two siblings for datagrams, and one listener that is lent to
//! the client.
//!
//! The lent listener stays a socket of the server's cgroup, and so does every connection accepted from it; only the
//! accept call moves to the client's thread, which takes the scheduler out of the handshake's time.

use std::collections::VecDeque;
use std::io::{IoSlice, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;

use anyhow::Context;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use super::clock;

/// Bytes of a read of the sink: above the largest loopback segment.
const SINK_READ: usize = 256 * 1024;

/// Connections that the greeter keeps: more than any client has open at a time, so that the oldest is closed there.
const OPEN: usize = 64;

/// Serves on `address` until stdin ends. `control` must not exist.
pub(crate) fn run(control: &Path, address: Ipv4Addr) -> anyhow::Result<()> {
    let listen = || TcpListener::bind((address, 0)).with_context(|| format!("cannot listen on {address}"));
    let bind = || UdpSocket::bind((address, 0)).with_context(|| format!("cannot bind {address}"));
    let (lent, greeter, echo, sink) = (listen()?, listen()?, listen()?, listen()?);
    let (responder, bin) = (bind()?, bind()?);
    let mut ports = Vec::new();
    for listener in [&lent, &greeter, &echo, &sink] {
        ports.push(listener.local_addr()?.port().to_string());
    }
    for socket in [&responder, &bin] {
        ports.push(socket.local_addr()?.port().to_string());
    }
    let ports = ports.join(" ");
    let door = UnixListener::bind(control).with_context(|| format!("cannot bind {}", control.display()))?;
    thread::spawn(move || greet(&greeter));
    thread::spawn(move || serve(&echo, answer));
    thread::spawn(move || serve(&sink, swallow));
    thread::spawn(move || respond(&responder));
    thread::spawn(move || discard(&bin));
    thread::spawn(move || lend(&door, &lent, &ports));
    // The parent's end of the pipe is the life line: no server outlives a killed benchmark.
    let mut line = [0; 64];
    while std::io::stdin().read(&mut line)? > 0 {}
    std::fs::remove_file(control)?;
    Ok(())
}

fn lend(door: &UnixListener, lent: &TcpListener, ports: &str) {
    for stream in door.incoming().flatten() {
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut extra = SendAncillaryBuffer::new(&mut space);
        let descriptors = [lent.as_fd()];
        extra.push(SendAncillaryMessage::ScmRights(&descriptors));
        if let Err(error) = sendmsg(
            &stream,
            &[IoSlice::new(ports.as_bytes())],
            &mut extra,
            SendFlags::empty(),
        ) {
            eprintln!("cofferdam-bench: cannot lend the listener: {error}");
        }
    }
}

/// Tells each client the moment in which its connection was accepted, 8 bytes, and closes after the client has. Were it
/// the first to close, it would forget the connection at once (no TIME_WAIT in the lab's namespaces), and the client's
/// FIN would come to the listener.
fn greet(listener: &TcpListener) {
    let mut open = VecDeque::with_capacity(OPEN);
    while let Ok((mut stream, _)) = listener.accept() {
        // A client that is gone needs no greeting.
        let _ = stream.write_all(&clock::now().to_le_bytes());
        if open.len() == OPEN {
            drop(open.pop_front());
        }
        open.push_back(stream);
    }
}

fn serve(listener: &TcpListener, each: fn(TcpStream) -> std::io::Result<()>) {
    for stream in listener.incoming().flatten() {
        thread::spawn(move || each(stream));
    }
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut byte = [0];
    while stream.read(&mut byte)? > 0 {
        stream.write_all(&byte)?;
    }
    Ok(())
}

/// Reads everything; a connection that ends its sending side is told how many bytes arrived, in 8 bytes.
fn swallow(mut stream: TcpStream) -> std::io::Result<()> {
    let mut bytes = vec![0; SINK_READ];
    let mut total: u64 = 0;
    loop {
        match stream.read(&mut bytes)? {
            0 => break,
            read => total += read as u64,
        }
    }
    stream.write_all(&total.to_le_bytes())
}

/// Sends each datagram back to where it came from, from a socket that is not connected, as a resolver does.
fn respond(socket: &UdpSocket) {
    let mut bytes = [0; 64];
    loop {
        // An error is a past client's closed port; it ends nothing.
        if let Ok((length, from)) = socket.recv_from(&mut bytes) {
            let _ = socket.send_to(bytes.get(..length).unwrap_or_default(), from);
        }
    }
}

fn discard(socket: &UdpSocket) {
    let mut bytes = [0; 64];
    loop {
        let _ = socket.recv(&mut bytes);
    }
}
