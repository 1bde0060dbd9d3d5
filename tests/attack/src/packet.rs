//! The bytes of IP, UDP and TCP.

use std::net::{IpAddr, SocketAddr};

/// The sum of RFC 1071 over these parts; each but the last has an even length.
fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let mut sum = 0_u32;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
        }
    }
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let [_, _, high, low] = (!sum).to_be_bytes();
    [high, low]
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

fn size(bytes: usize) -> u16 {
    u16::try_from(bytes).unwrap_or(u16::MAX)
}

fn transport_sum(from: IpAddr, to: IpAddr, protocol: u8, segment: &[u8]) -> [u8; 2] {
    let length = [&[0, 0][..], &size(segment.len()).to_be_bytes()].concat();
    let pseudo = [octets(from), octets(to), length, vec![0, 0, 0, protocol]].concat();
    checksum(&[&pseudo, segment])
}

/// A UDP header and what it carries.
pub(crate) fn udp(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let mut bytes = [
        &from.port().to_be_bytes()[..],
        &to.port().to_be_bytes(),
        &size(payload.len() + 8).to_be_bytes(),
        &[0, 0],
        payload,
    ]
    .concat();
    let sum = transport_sum(from.ip(), to.ip(), 17, &bytes);
    bytes[6..8].copy_from_slice(&sum);
    bytes
}

/// What a TCP header says.
#[derive(Clone, Copy, Default)]
pub(crate) struct Numbers {
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: u8,
}

pub(crate) const SYN: u8 = 2;
pub(crate) const PSH: u8 = 8;
pub(crate) const ACK: u8 = 16;

/// A TCP header with these options (a multiple of four bytes) and what it carries.
pub(crate) fn tcp(
    from: SocketAddr,
    to: SocketAddr,
    numbers: Numbers,
    options: &[u8],
    payload: &[u8],
) -> Vec<u8> {
    let words = u8::try_from(5 + options.len() / 4).unwrap_or(15);
    let mut bytes = [
        &from.port().to_be_bytes()[..],
        &to.port().to_be_bytes(),
        &numbers.seq.to_be_bytes(),
        &numbers.ack.to_be_bytes(),
        &[words << 4, numbers.flags, 0xfa, 0, 0, 0, 0, 0],
        options,
        payload,
    ]
    .concat();
    let sum = transport_sum(from.ip(), to.ip(), 6, &bytes);
    bytes[16..18].copy_from_slice(&sum);
    bytes
}

/// An IP header without options, and what it carries.
pub(crate) fn ip(from: IpAddr, to: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    if from.is_ipv6() {
        let head = [
            &[0x60, 0, 0, 0][..],
            &size(payload.len()).to_be_bytes(),
            &[protocol, 64],
        ]
        .concat();
        return [head, octets(from), octets(to), payload.to_vec()].concat();
    }
    let mut head = [
        &[0x45, 0][..],
        &size(payload.len() + 20).to_be_bytes(),
        &[0x12, 0x34, 0, 0, 64, protocol, 0, 0],
        &octets(from),
        &octets(to),
    ]
    .concat();
    let sum = checksum(&[&head]);
    head[10..12].copy_from_slice(&sum);
    [head, payload.to_vec()].concat()
}

/// An Ethernet header and a packet of IP. Loopback has no addresses.
pub(crate) fn frame(from: [u8; 6], to: [u8; 6], ip: &[u8]) -> Vec<u8> {
    let kind: [u8; 2] = if ip[0] >> 4 == 6 { [0x86, 0xdd] } else { [8, 0] };
    [&to[..], &from, &kind, ip].concat()
}
