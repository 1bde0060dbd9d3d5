//! On real threads: what was given up is refused by the kernel, and nothing else is.

use std::thread;

use cofferdam_policy::labels::directives;
use rustix::io::Errno;
use rustix::net::{AddressFamily, Protocol, RawProtocol, SocketFlags, SocketType, socket_with};

use super::*;
use cofferdam_policy::containment::Level;

/// family, type and protocol of a socket
type Kind = (u16, u32, u32);

const TCP: Kind = (2, 1, 0);
const UDP6: Kind = (10, 2, 0);
const UNIX: Kind = (1, 1, 0);
const ROUTE: Kind = (16, 3, 0);
const DIAG: Kind = (16, 3, 4);
const AUDIT: Kind = (16, 2, 9);
const PACKET: Kind = (17, 3, 0);
const OLD_PACKET: Kind = (2, 10, 0x300);
const RAW: Kind = (2, 3, 1);
const RAW6: Kind = (10, 3, 58);
const VSOCK: Kind = (40, 1, 0);
const XDP: Kind = (44, 3, 0);
const CAN: Kind = (29, 3, 1);
const ALL: [Kind; 13] = [
    TCP, UDP6, UNIX, ROUTE, DIAG, AUDIT, PACKET, OLD_PACKET, RAW, RAW6, VSOCK, XDP, CAN,
];

fn make((family, kind, protocol): Kind) -> Result<(), Errno> {
    let protocol = RawProtocol::new(protocol).map(Protocol::from_raw);
    let (family, kind) = (AddressFamily::from_raw(family), SocketType::from_raw(kind));
    socket_with(family, kind, SocketFlags::CLOEXEC, protocol).map(drop)
}

/// Those that `allow` refuses with EPERM in a thread that was contained, and that were made, or failed otherwise, before.
fn refused(allow: &str) -> Vec<Kind> {
    let labels = [("cofferdam.contain", "strict"), ("cofferdam.allow", allow)];
    let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let containment = directives(&labels.into()).containment.at(Level::Default);
    let thread = thread::spawn(move || {
        let before = ALL.map(make);
        sockets::refuse(&containment).unwrap();
        let after = ALL.map(make);
        let pairs = ALL.into_iter().zip(before.into_iter().zip(after));
        let new = pairs.filter(|(_, (before, after))| before != after || *after == Err(Errno::PERM));
        new.map(|(kind, (_, after))| {
            assert_eq!(after, Err(Errno::PERM), "{kind:?}");
            kind
        })
        .collect()
    });
    thread.join().unwrap()
}

#[test]
fn what_is_declared_is_not_refused() {
    assert_eq!(
        refused(""),
        [DIAG, AUDIT, PACKET, OLD_PACKET, RAW, RAW6, VSOCK, XDP, CAN]
    );
    assert_eq!(
        refused("netlink"),
        [PACKET, OLD_PACKET, RAW, RAW6, VSOCK, XDP, CAN]
    );
}
