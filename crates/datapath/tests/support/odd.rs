//! Sockets that few programs make: `odd FLAG,FLAG ADDRESS`, `odd-serve FLAG,FLAG IP[:PORT]`, `raw PROTOCOL IP`,
//! `udp-group GROUP INTERFACE`. A flag may have a value: `from=192.0.2.1:5000`.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::libc;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::peer::{fast_open, option, patience};

/// A secret that both ends of a TCP-MD5 connection have.
const PASSWORD: &[u8] = b"tide";

struct Flags<'a>(&'a str);

impl Flags<'_> {
    fn has(&self, name: &str) -> bool {
        self.0.split(',').any(|flag| flag == name)
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.0
            .split(',')
            .find_map(|flag| flag.strip_prefix(name)?.strip_prefix('='))
    }
}

fn socket(flags: &Flags<'_>, at: SocketAddr) -> std::io::Result<Socket> {
    let protocol = if flags.has("mptcp") {
        Protocol::MPTCP
    } else {
        Protocol::TCP
    };
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(protocol))?;
    socket.set_reuse_address(true)?;
    if let Some(peer) = flags.value("md5") {
        sign_with_md5(&socket, peer.parse().unwrap());
    }
    Ok(socket)
}

/// Flags: `defer=SECONDS` (TCP_DEFER_ACCEPT), `read` (the client speaks first), `md5=CLIENT`, `mptcp`, `fast`, `close` (closes
/// first, so that TIME_WAIT is here).
pub(crate) fn serve(flags: &str, at: SocketAddr) {
    let flags = Flags(flags);
    let socket = socket(&flags, at).unwrap();
    if let Some(seconds) = flags.value("defer") {
        option(&socket, libc::TCP_DEFER_ACCEPT, seconds.parse().unwrap());
    }
    socket.bind(&at.into()).unwrap();
    socket.listen(16).unwrap();
    let mut listener = TcpListener::from(socket);
    if flags.has("fast") {
        listener = fast_open(listener);
    }
    println!("\nlistening {}", listener.local_addr().unwrap());
    for stream in listener.incoming().flatten() {
        answer(&flags, stream);
    }
}

fn answer(flags: &Flags<'_>, mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    stream.set_read_timeout(Some(Duration::from_secs(3))).ok();
    if flags.has("read") && stream.read(&mut buffer).is_err() {
        return;
    }
    stream.write_all(b"x").ok();
    if flags.has("close") {
        return;
    }
    while stream.read(&mut buffer).is_ok_and(|n| n > 0) {}
}

/// Flags: `from=ADDRESS`, `write` (speaks first), `late` (its first ACK carries data), `ip` (IP options or extension
/// headers), `md5=SERVER`, `mptcp`, `simultaneous` (both ends of one), `cookie` (an empty Fast
/// Open), `move=FOLDER` (into another cgroup, once it has its socket), `wait` (for the word, once it has its socket).
/// Returns how many segments it sent twice.
pub(crate) fn ask(flags: &str, to: SocketAddr) -> std::io::Result<u32> {
    let flags = Flags(flags);
    let socket = socket(&flags, to)?;
    if let Some(from) = flags.value("from") {
        let from: SocketAddr = from.parse().unwrap();
        socket.bind(&from.into())?;
    }
    if flags.has("late") {
        option(&socket, libc::TCP_DEFER_ACCEPT, 1);
    }
    if flags.has("ip") {
        odd_header(&socket, to);
    }
    if let Some(folder) = flags.value("move") {
        std::fs::write(std::path::Path::new(folder).join("cgroup.procs"), "0")?;
    }
    if flags.has("wait") {
        println!("\nready");
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    }
    socket.set_write_timeout(Some(Duration::from_secs(5)))?;
    if flags.has("cookie") {
        socket.send_to_with_flags(b"", &to.into(), libc::MSG_FASTOPEN)?;
    } else {
        socket.connect_timeout(&to.into(), Duration::from_secs(5))?;
    }
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    if flags.has("write") || flags.has("late") || flags.has("simultaneous") {
        stream.write_all(b"hello")?;
    }
    stream.read_exact(&mut [0])?;
    Ok(resent(&stream))
}

fn resent(stream: &TcpStream) -> u32 {
    // SAFETY: all zero is a valid tcp_info, and the kernel fills in at most `size` bytes of it.
    unsafe {
        let mut info: libc::tcp_info = std::mem::zeroed();
        let mut size = libc::socklen_t::try_from(size_of::<libc::tcp_info>()).unwrap();
        let into = std::ptr::from_mut(&mut info).cast();
        let done = libc::getsockopt(
            stream.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            into,
            &raw mut size,
        );
        assert_eq!(done, 0);
        info.tcpi_total_retrans
    }
}

fn set(socket: &Socket, level: i32, name: i32, value: &[u8]) {
    let size = libc::socklen_t::try_from(value.len()).unwrap();
    // SAFETY: the kernel reads `size` bytes of `value`.
    let done = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, value.as_ptr().cast(), size) };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}

/// Twelve bytes of padding as IPv4 options; a destination header with padding in IPv6.
fn odd_header(socket: &Socket, to: SocketAddr) {
    if to.is_ipv4() {
        set(socket, libc::IPPROTO_IP, libc::IP_OPTIONS, &[1; 12]);
    } else {
        let padding = [0, 0, 1, 4, 0, 0, 0, 0];
        set(socket, libc::IPPROTO_IPV6, libc::IPV6_DSTOPTS, &padding);
    }
}

/// RFC 2385: 18 of the 40 bytes that options have.
fn sign_with_md5(socket: &Socket, peer: SocketAddr) {
    let mut value = [0_u8; 216];
    let address = SockAddr::from(SocketAddr::new(peer.ip(), 0));
    // SAFETY: the storage of an address is as long as its length says.
    let bytes = unsafe { std::slice::from_raw_parts(address.as_ptr().cast::<u8>(), address.len() as usize) };
    value[..bytes.len()].copy_from_slice(bytes);
    value[130..132].copy_from_slice(&u16::try_from(PASSWORD.len()).unwrap().to_ne_bytes());
    value[136..136 + PASSWORD.len()].copy_from_slice(PASSWORD);
    set(socket, libc::IPPROTO_TCP, 14, &value);
}

/// One packet of that protocol. For ICMP an echo request, whose answer is waited for.
pub(crate) fn raw(protocol: i32, to: std::net::IpAddr) -> std::io::Result<()> {
    let at = SocketAddr::new(to, 0);
    let socket = Socket::new(Domain::for_address(at), Type::RAW, Some(Protocol::from(protocol)))?;
    socket.set_read_timeout(Some(patience()))?;
    let echo = match protocol {
        libc::IPPROTO_ICMP => Some((8, 0, 20)),
        libc::IPPROTO_ICMPV6 => Some((128, 129, 0)),
        _ => None,
    };
    let Some((request, reply, at_byte)) = echo else {
        return socket.send_to(&[0; 16], &at.into()).map(drop);
    };
    // The kernel fills in ICMPv6's checksum; that of an otherwise empty ICMP echo is the complement of its type.
    socket.send_to(&[request, 0, !request, 0xff, 0, 0, 0, 0], &at.into())?;
    let mut buffer = [0; 256];
    loop {
        let n = (&socket).read(&mut buffer)?;
        if n > at_byte && buffer[at_byte] == reply {
            return Ok(());
        }
    }
}

/// A raw socket that keeps what comes to itself.
pub(crate) fn raw_serve(protocol: i32, at: SocketAddr) {
    let socket = Socket::new(Domain::for_address(at), Type::RAW, Some(Protocol::from(protocol))).unwrap();
    println!("\nlistening {at}");
    while (&socket).read(&mut [0; 64]).is_ok() {}
}

/// One datagram to a group or a broadcast address, out of the interface with that address.
pub(crate) fn group(group: &str, interface: &str) -> std::io::Result<()> {
    let socket = UdpSocket::bind(format!("{interface}:0"))?;
    socket.set_broadcast(true)?;
    let to: SocketAddr = group.parse().unwrap();
    let interface: Ipv4Addr = interface.parse().unwrap();
    socket2::SockRef::from(&socket).set_multicast_if_v4(&interface)?;
    socket.send_to(b"x", to).map(drop)
}

// === impl Waiting ===

impl super::Waiting {
    /// Ends it where it is.
    pub(crate) fn give_up(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
