//! What a workload may take of the host's network: `make DOMAIN TYPE PROTOCOL`, `sysctl PATH VALUE`, `name-serve NAME`,
//! `name NAME`, `name-send NAME`, `mirror LISTEN CONNECT`, `mirror-udp LISTEN CONNECT`, `overhear PROTOCOL PORT`.

use std::io::{Error, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram, UnixListener, UnixStream};

use socket2::{Domain, Protocol, Socket, Type};

pub(crate) fn make(domain: i32, kind: i32, protocol: i32) -> std::io::Result<()> {
    Socket::new(
        Domain::from(domain),
        Type::from(kind),
        Some(Protocol::from(protocol)),
    )
    .map(drop)
}

/// Both sockets, with one name.
pub(crate) fn serve_name(name: &str) {
    let address = UnixAddress::from_abstract_name(name).unwrap();
    let listener = UnixListener::bind_addr(&address).unwrap();
    let _datagrams = UnixDatagram::bind_addr(&address).unwrap();
    println!("\nlistening 0.0.0.0:0");
    for stream in listener.incoming() {
        drop(stream);
    }
}

pub(crate) fn connect_name(name: &str) -> std::io::Result<()> {
    UnixStream::connect_addr(&UnixAddress::from_abstract_name(name)?).map(drop)
}

pub(crate) fn send_name(name: &str) -> std::io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket
        .send_to_addr(b"x", &UnixAddress::from_abstract_name(name)?)
        .map(drop)
}

/// Talks to itself, and sees at each step the addresses that it asked for.
pub(crate) fn mirror(listen: &str, connect: &str) -> std::io::Result<()> {
    let (listen, connect): (SocketAddr, SocketAddr) = (listen.parse().unwrap(), connect.parse().unwrap());
    let listener = TcpListener::bind(listen)?;
    let client = TcpStream::connect(connect)?;
    let (server, from) = listener.accept()?;
    same(listener.local_addr()?, listen)?;
    same(client.peer_addr()?, connect)?;
    same(server.local_addr()?, connect)?;
    same(from, client.local_addr()?)
}

pub(crate) fn mirror_datagrams(listen: &str, connect: &str) -> std::io::Result<()> {
    let connect: SocketAddr = connect.parse().unwrap();
    let server = UdpSocket::bind(listen)?;
    let client = UdpSocket::bind(if connect.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
    let patience = Some(super::peer::patience());
    server.set_read_timeout(patience)?;
    client.set_read_timeout(patience)?;
    let mut byte = [0];
    client.send_to(b"x", connect)?;
    let (_, from) = server.recv_from(&mut byte)?;
    same(from, SocketAddr::new(connect.ip(), client.local_addr()?.port()))?;
    server.send_to(b"y", from)?;
    let (_, answered) = client.recv_from(&mut byte)?;
    same(answered, connect)
}

fn same(seen: SocketAddr, wanted: SocketAddr) -> std::io::Result<()> {
    if seen == wanted {
        return Ok(());
    }
    eprintln!("{seen} in the place of {wanted}");
    Err(Error::from(ErrorKind::InvalidData))
}

/// A raw socket that waits for the word and then looks whether it has heard of this port.
pub(crate) fn overhear(protocol: i32, port: u16) -> std::io::Result<()> {
    use std::io::Read;
    let mut socket = Socket::new(Domain::IPV4, Type::from(3), Some(Protocol::from(protocol)))?;
    println!("\nready");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    socket.set_read_timeout(Some(super::peer::patience()))?;
    let mut packet = [0; 2048];
    loop {
        let length = socket.read(&mut packet)?;
        let header = usize::from(packet[0] & 0x0f) * 4;
        let ports = packet[..length].get(header..header + 4);
        let ports = ports.map(|p| [u16::from_be_bytes([p[0], p[1]]), u16::from_be_bytes([p[2], p[3]])]);
        if ports.is_some_and(|ports| ports.contains(&port)) {
            return Ok(());
        }
    }
}
