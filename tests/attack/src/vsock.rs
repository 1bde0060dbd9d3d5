//! Sockets of virtual machines, which end at the hypervisor and know no network namespace.

use nix::libc;

use crate::report::{Args, Refused, Step, Told};
use crate::{ring, sys};

const ANY: u32 = u32::MAX;
const PORT: u32 = 7977;

/// `by=`: listens. Nothing is sent: that would go beyond this machine.
pub(crate) fn attack(args: &Args) -> Told {
    run(args).into()
}

fn run(args: &Args) -> Result<Told, Refused> {
    let socket = ring::any_socket(args, libc::AF_VSOCK, libc::SOCK_STREAM, 0)?;
    sys::bind(&socket, &anywhere()).step("bind")?;
    sys::listen(&socket).step("listen")?;
    Ok(Told::proved(
        "listens",
        format!("the hypervisor's guests may call port {PORT}"),
    ))
}

fn anywhere() -> sys::Address {
    let rest = [&[0, 0][..], &PORT.to_ne_bytes(), &ANY.to_ne_bytes(), &[0; 4]].concat();
    sys::family(libc::AF_VSOCK, &rest)
}
