//! One datagram for many: multicast and broadcast.

use std::net::{IpAddr, Ipv4Addr};

use nix::libc;

use crate::report::{Args, Refused, Step, Told};
use crate::{sys, udp};

/// `to= from=ADDRESS_OF_AN_INTERFACE token=`; for IPv6 the scope of `to` names the interface.
pub(crate) fn attack(args: &Args) -> Told {
    run(args).into()
}

fn run(args: &Args) -> Result<Told, Refused> {
    let to = args.address("to")?;
    let socket = udp::open(to)?;
    if let IpAddr::V4(ip) = to.ip() {
        let from: Ipv4Addr = args.text("from").parse().unwrap_or(Ipv4Addr::UNSPECIFIED);
        if ip.is_multicast() {
            sys::set(&socket, libc::IPPROTO_IP, libc::IP_MULTICAST_IF, &from.octets())
                .step("IP_MULTICAST_IF")?;
        } else {
            sys::set_int(&socket, libc::SOL_SOCKET, libc::SO_BROADCAST, 1).step("SO_BROADCAST")?;
            sys::bind(&socket, &sys::inet((from, 0).into())).step("bind")?;
        }
    }
    let token = args.text("token").as_bytes();
    sys::send_to(&socket, token, 0, &sys::inet(to)).step("sendto")?;
    Ok(Told::went("sent"))
}
