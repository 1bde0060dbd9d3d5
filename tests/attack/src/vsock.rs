//! Sockets of virtual machines, which end at the hypervisor and know no network namespace.

use nix::libc;

use crate::report::{Args, Refused, Step, Told};
use crate::sys;

const ANY: u32 = u32::MAX;
const LOCAL: u32 = 1;
const PORT: u32 = 7977;

/// `how=listen|connect`. Nothing is sent beyond this machine: `connect` tries the local one alone.
pub(crate) fn attack(args: &Args) -> Told {
    run(args).into()
}

fn run(args: &Args) -> Result<Told, Refused> {
    let socket = sys::socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0).step("socket")?;
    sys::patience(&socket, args.patience()).step("patience")?;
    if args.text("how") == "connect" {
        sys::connect(&socket, &address(LOCAL)).step("connect")?;
        return Ok(Told::proved("connected", "a connection to the local machine"));
    }
    sys::bind(&socket, &address(ANY)).step("bind")?;
    sys::listen(&socket).step("listen")?;
    Ok(Told::proved(
        "listens",
        format!("the hypervisor's guests may call port {PORT}"),
    ))
}

fn address(machine: u32) -> sys::Address {
    let rest = [
        &[0, 0][..],
        &PORT.to_ne_bytes(),
        &machine.to_ne_bytes(),
        &[0; 4],
    ]
    .concat();
    sys::family(libc::AF_VSOCK, &rest)
}
