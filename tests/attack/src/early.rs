//! Sockets that are older than the policy, and attempts while one policy gives way to another.

use std::time::{Duration, Instant};

use nix::libc;

use crate::report::{Args, Refused, Step, Told, go, ready};
use crate::{packet, sys, tcp, udp};

/// `how=tcp|udp|blank|raw to= token=`: makes its socket, waits for the word, then uses it until it is told that it may not.
pub(crate) fn attack(args: &Args) -> Told {
    run(args).into()
}

fn run(args: &Args) -> Result<Told, Refused> {
    let to = args.address("to")?;
    let address = sys::inet(to);
    let token = args.text("token").as_bytes();
    let how = args.text("how");
    let socket = match how {
        "tcp" => tcp::open(args, to, 0)?,
        "raw" => sys::socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_RAW).step("socket")?,
        _ => udp::open(to)?,
    };
    if how == "tcp" || how == "udp" {
        sys::connect(&socket, &address).step("connect before")?;
        sys::send(&socket, b"hello").step("send before")?;
    }
    ready();
    go();
    let end = Instant::now() + args.patience();
    while Instant::now() < end {
        match how {
            "tcp" | "udp" => sys::send(&socket, token).step("send")?,
            "raw" => {
                let from = std::net::SocketAddr::new(to.ip(), 40_002);
                let bytes = packet::ip(to.ip(), to.ip(), 17, &packet::udp(from, to, token));
                sys::send_to(&socket, &bytes, 0, &address).step("sendto")?
            }
            _ => sys::send_to(&socket, token, 0, &address).step("sendto")?,
        };
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(Told::went("sent to the end"))
}

/// `to= token= ms=`: one connection after the other.
pub(crate) fn race(args: &Args) -> Told {
    (|| {
        let to = args.address("to")?;
        let end = Instant::now() + args.patience();
        let (mut tries, mut through) = (0_u32, 0_u32);
        ready();
        while Instant::now() < end {
            let socket = sys::socket(sys::domain(to.ip()), libc::SOCK_STREAM, 0).step("socket")?;
            sys::patience(&socket, Duration::from_millis(50)).step("patience")?;
            tries += 1;
            if sys::connect(&socket, &sys::inet(to)).is_ok() {
                through += 1;
                let _ = sys::send(&socket, args.text("token").as_bytes());
            }
        }
        let outcome = format!("{through} of {tries} connected");
        Ok(if through == 0 {
            Told::went(outcome)
        } else {
            Told::proved(outcome.clone(), outcome)
        })
    })()
    .into()
}
