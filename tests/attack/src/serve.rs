//! The other end: whatever arrives is noted in a file, which is the proof of what an attack did.

use std::fs::File;
use std::io::{Result, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use nix::libc;

use crate::report::Args;
use crate::sys;

/// What listens.
struct Ear {
    /// As the notes name it.
    at: String,
    socket: OwnedFd,
    stream: bool,
}

#[derive(Clone)]
struct Notes {
    name: String,
    file: Arc<Mutex<File>>,
}

const MPTCP: i32 = 262;

/// `name= log=FILE`, and any of `tcp= udp= shared-tcp= shared-udp= fast= slow= mptcp= stream= seqpacket= dgram= group= raw=`.
pub(crate) fn serve(args: &Args) -> Result<()> {
    let file = File::options().create(true).append(true).open(args.text("log"))?;
    let notes = Notes {
        name: args.text("name").to_owned(),
        file: Arc::new(Mutex::new(file)),
    };
    let mut ears = Vec::new();
    for (kind, open) in OPENERS {
        for at in args.all(kind) {
            let socket = open(at).map_err(|error| std::io::Error::other(format!("{kind}={at}: {error}")))?;
            ears.push(Ear {
                at: format!("{kind}={at}"),
                socket,
                stream: !["udp", "shared-udp", "dgram", "group", "raw"].contains(kind),
            });
        }
    }
    crate::report::ready();
    let threads: Vec<_> = ears
        .into_iter()
        .map(|ear| {
            let notes = notes.clone();
            thread::spawn(move || hear(&ear, &notes))
        })
        .collect();
    for thread in threads {
        let _ = thread.join();
    }
    Ok(())
}

type Open = fn(&str) -> Result<OwnedFd>;

const OPENERS: &[(&str, Open)] = &[
    ("tcp", |at| inet(at, libc::SOCK_STREAM, 0, false)),
    ("udp", |at| inet(at, libc::SOCK_DGRAM, 0, false)),
    ("shared-tcp", |at| inet(at, libc::SOCK_STREAM, 0, true)),
    ("shared-udp", |at| inet(at, libc::SOCK_DGRAM, 0, true)),
    ("slow", |at| inet(at, libc::SOCK_STREAM, 0, false)),
    ("fast", fast),
    ("mptcp", |at| {
        // Refused to protected workloads; programs then do without.
        inet(at, libc::SOCK_STREAM, MPTCP, false).or_else(|_| inet(at, libc::SOCK_STREAM, 0, false))
    }),
    ("stream", |name| local(name, libc::SOCK_STREAM)),
    ("seqpacket", |name| local(name, libc::SOCK_SEQPACKET)),
    ("dgram", |name| local(name, libc::SOCK_DGRAM)),
    ("group", group),
    ("raw", |number| {
        sys::socket(
            libc::AF_INET,
            libc::SOCK_RAW,
            number.parse().map_err(std::io::Error::other)?,
        )
    }),
];

fn inet(at: &str, kind: i32, protocol: i32, shared: bool) -> Result<OwnedFd> {
    let at: SocketAddr = at.parse().map_err(std::io::Error::other)?;
    let socket = sys::socket(sys::domain(at.ip()), kind, protocol)?;
    if shared {
        sys::set_int(&socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
        sys::set_int(&socket, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
    }
    sys::bind(&socket, &sys::inet(at))?;
    if kind == libc::SOCK_STREAM {
        sys::listen(&socket)?;
    }
    Ok(socket)
}

fn fast(at: &str) -> Result<OwnedFd> {
    let socket = inet(at, libc::SOCK_STREAM, 0, false)?;
    sys::set_int(&socket, libc::IPPROTO_TCP, libc::TCP_FASTOPEN, 16)?;
    Ok(socket)
}

fn local(name: &str, kind: i32) -> Result<OwnedFd> {
    let socket = sys::socket(libc::AF_UNIX, kind, 0)?;
    sys::bind(&socket, &sys::abstract_name(name))?;
    if kind != libc::SOCK_DGRAM {
        sys::listen(&socket)?;
    }
    Ok(socket)
}

/// `GROUP:PORT/ADDRESS_OF_AN_INTERFACE`, or `[GROUP%INTERFACE_NUMBER]:PORT/`.
fn group(text: &str) -> Result<OwnedFd> {
    let (group, interface) = text.split_once('/').unwrap_or((text, ""));
    let group: SocketAddr = group.parse().map_err(std::io::Error::other)?;
    match group {
        SocketAddr::V4(v4) => {
            let socket = inet(&format!("0.0.0.0:{}", v4.port()), libc::SOCK_DGRAM, 0, true)?;
            let interface: Ipv4Addr = interface.parse().map_err(std::io::Error::other)?;
            let value = [v4.ip().octets(), interface.octets()].concat();
            sys::set(&socket, libc::IPPROTO_IP, libc::IP_ADD_MEMBERSHIP, &value)?;
            Ok(socket)
        }
        SocketAddr::V6(v6) => {
            let socket = inet(&format!("[::]:{}", v6.port()), libc::SOCK_DGRAM, 0, true)?;
            let value = [&v6.ip().octets()[..], &v6.scope_id().to_ne_bytes()].concat();
            sys::set(&socket, libc::IPPROTO_IPV6, libc::IPV6_ADD_MEMBERSHIP, &value)?;
            Ok(socket)
        }
    }
}

fn hear(ear: &Ear, notes: &Notes) {
    loop {
        if ear.stream {
            meet(ear, notes);
        } else {
            listen_to(&ear.socket, notes, &ear.at);
        }
    }
}

/// The next client, who is listened to for as long as it stays.
fn meet(ear: &Ear, notes: &Notes) {
    if ear.at.starts_with("slow") {
        // What comes waits in the backlog.
        thread::sleep(Duration::from_millis(2500));
    }
    let Ok(client) = sys::accept(&ear.socket) else {
        return;
    };
    let (notes, at) = (notes.clone(), ear.at.clone());
    thread::spawn(move || {
        notes.write(&at, "accepted");
        // A local client that closes before it has read this would take back what it sent.
        if at.contains(':') {
            let _ = sys::send(&client, format!("{}\n", notes.name).as_bytes());
        }
        listen_to(&client, &notes, &at);
    });
}

/// Until the end of a stream, or an error.
fn listen_to(socket: &impl AsRawFd, notes: &Notes, at: &str) {
    while let Ok(text) = sys::recv_text(socket) {
        if text.is_empty() {
            return;
        }
        notes.write(at, &text);
    }
}

// === impl Notes ===

impl Notes {
    /// One write for a line, so that lines of several processes do not mix.
    fn write(&self, at: &str, text: &str) {
        let readable = text.replace(|c: char| c.is_control(), ".");
        if let Ok(mut file) = self.file.lock() {
            let _ = file.write_all(format!("{} {at} {readable}\n", self.name).as_bytes());
        }
    }
}
