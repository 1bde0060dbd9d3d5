//! The kernel's tables of sockets (`/proc/net/{tcp,tcp6,udp,udp6,unix}`), as bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::Protocol;

/// A waiting socket: protocol, address, port, inode.
pub type Waiting = (Protocol, IpAddr, u16, u64);

/// Reads one of the tables for TCP or UDP: the sockets that wait, and the local ports of those that are connected.
pub fn sockets_of(protocol: Protocol, table: &str) -> (Vec<Waiting>, Vec<u16>) {
    let (mut waiting, mut connected) = (Vec::new(), Vec::new());
    for line in table.lines().skip(1) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, local, remote, state, ..] = words.as_slice() else {
            continue;
        };
        let (Some((address, port)), Some((_, other))) = (end(local), end(remote)) else {
            continue;
        };
        let inode = words.get(9).and_then(|word| word.parse().ok()).unwrap_or(0);
        // States of the kernel's tcp_states.h: 0A listens, 07 is UDP's unconnected, 01 is established.
        match (*state, protocol) {
            ("0A", Protocol::Tcp) => waiting.push((protocol, address, port, inode)),
            ("07", Protocol::Udp) if other == 0 => waiting.push((protocol, address, port, inode)),
            ("01", _) => connected.push(port),
            _ => {}
        }
    }
    (waiting, connected)
}

/// Reads `/proc/net/unix`: names of abstract sockets that listen, and their inodes.
pub fn abstract_sockets(table: &str) -> Vec<(String, u64)> {
    let mut sockets = Vec::new();
    for line in table.lines().skip(1) {
        let mut words = line.split_whitespace();
        let (Some(flags), Some(inode), Some(name)) = (words.nth(3), words.nth(2), words.next()) else {
            continue;
        };
        // `__SO_ACCEPTCON` in include/linux/net.h: the socket listens.
        let listens = u32::from_str_radix(flags, 16).is_ok_and(|flags| flags & 0x10000 != 0);
        if let (true, true, Ok(inode)) = (listens, name.starts_with('@'), inode.parse()) {
            sockets.push((name.to_owned(), inode));
        }
    }
    sockets
}

/// `0100007F:0050` as the kernel prints it: 32-bit words in its own byte order.
fn end(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |text: &str| u32::from_str_radix(text, 16).ok().map(u32::to_ne_bytes);
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(address)?)),
        32 => {
            let mut bytes = [0; 16];
            for (at, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(address.get(at * 8..at * 8 + 8)?)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some((ip, port))
}
