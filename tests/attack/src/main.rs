//! Attacks from inside a workload: `cofferdam-attack NAME KEY=VALUE...` tries one and prints a JSON line that says what
//! happened. Whether it got through is for the other end to say: `cofferdam-attack serve` notes what arrives.

use std::process::{Command, ExitCode, Stdio};

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

/// An attack for each line of standard input, each in a process of its own.
fn relay() -> std::io::Result<()> {
    for line in std::io::stdin().lines() {
        let line = line?;
        let mut attack = Command::new(std::env::current_exe()?);
        let status = attack.args(line.split(' ')).stdin(Stdio::null()).status()?;
        if !status.success() {
            // A filter of system calls may kill.
            println!("{}", Told::went(format!("{status}")).line());
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let all: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = all.split_first() else {
        eprintln!("usage: cofferdam-attack NAME KEY=VALUE...");
        return ExitCode::from(2);
    };
    let args = Args::new(rest);
    let other = match name.as_str() {
        "serve" => Some(serve::serve(&args)),
        "relay" => Some(relay()),
        _ => None,
    };
    if let Some(ended) = other {
        return match ended {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{name}: {error}");
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
