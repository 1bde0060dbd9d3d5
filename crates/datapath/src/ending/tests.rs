//! What the kernel answers to a request to end a socket.

use nix::libc;

use super::*;

/// Of `linux/sock_diag.h`.
const SOCK_DESTROY: u16 = 21;
/// With an answer.
const REQUEST: u16 = NLM_F_REQUEST | 0x4;

/// Asks to end an IPv4 socket of that protocol which nobody has.
fn end_nobody(protocol: i32) -> Vec<u8> {
    let mut message = vec![0; size_of::<types::doomed>()];
    let length = u32::try_from(message.len()).unwrap();
    message.splice(..4, length.to_ne_bytes());
    message.splice(4..6, SOCK_DESTROY.to_ne_bytes());
    message.splice(6..8, REQUEST.to_ne_bytes());
    message[16] = u8::try_from(libc::AF_INET).unwrap();
    message[17] = u8::try_from(protocol).unwrap();
    message
}

#[test]
fn root_what_has_gone_has_ended_but_not_what_the_kernel_cannot_find() {
    let gone = end_nobody(libc::IPPROTO_TCP);
    // Nothing on a machine without SCTP sockets has its diagnosis.
    let unknown = end_nobody(libc::IPPROTO_SCTP);
    assert_eq!(request(&gone).unwrap(), 0);
    assert_eq!(request(&unknown).unwrap(), 1);
    assert_eq!(request(&[unknown.clone(), unknown].concat()).unwrap(), 2);
}
