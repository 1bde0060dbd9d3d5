//! Attacks from inside a workload: `cofferdam-attack NAME KEY=VALUE...` tries one and prints a JSON line that says what
//! happened. Whether it got through is for the other end to say: `cofferdam-attack serve` notes what arrives.

use std::process::ExitCode;

mod early;
mod filter;
mod frame;
mod group;
mod handshake;
mod hidden;
mod names;
mod nested;
mod netlink;
mod packet;
mod passed;
mod ports;
mod raw;
mod report;
mod ring;
mod serve;
mod sys;
mod tcp;
mod udp;
mod vsock;

use report::{Args, Told};

/// Its name, and what it does.
type Attack = (&'static str, fn(&Args) -> Told);

const ATTACKS: &[Attack] = &[
    ("udp", udp::attack),
    ("tcp", tcp::attack),
    ("raw", raw::attack),
    ("ring", ring::attack),
    ("bind", ports::attack),
    ("abstract", names::attack),
    ("capture", frame::capture),
    ("inject", frame::inject),
    ("netlink", netlink::attack),
    ("give", passed::give),
    ("take", passed::take),
    ("nest", nested::nest),
    ("move", nested::moved),
    ("bpf", filter::attack),
    ("group", group::attack),
    ("sysctl", hidden::sysctl),
    ("steal", hidden::steal),
    ("vsock", vsock::attack),
    ("early", early::attack),
    ("race", early::race),
    ("handshake", handshake::attack),
];

fn main() -> ExitCode {
    let all: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = all.split_first() else {
        eprintln!("usage: cofferdam-attack NAME KEY=VALUE...");
        return ExitCode::from(2);
    };
    let args = Args::new(rest);
    if name == "serve" {
        return match serve::serve(&args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("serve: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let Some((_, attack)) = ATTACKS.iter().find(|(known, _)| known == name) else {
        eprintln!("there is no attack {name}");
        return ExitCode::from(2);
    };
    println!("{}", attack(&args).line());
    ExitCode::SUCCESS
}
