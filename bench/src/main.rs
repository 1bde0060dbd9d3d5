//! The load of `cargo xtask bench`: a server, a client, and a program that accepts every packet of a queue.
//!
//! Owns only sockets and clocks. It knows nothing of Cofferdam, so every configuration runs the same binary; who is
//! in which cgroup, and what is compared with what, is decided in `xtask/src/bench`.

mod accept_all;
mod client;
mod clock;
mod place;
mod server;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use place::Place;

#[derive(Parser)]
#[command(name = "cofferdam-load", about = "Load for `cargo xtask bench`")]
struct Arguments {
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    /// Listen, and hand the ports and one listener to the client over a unix socket.
    Server {
        #[command(flatten)]
        place: Place,
        /// Path of the unix socket; created, and removed at the end.
        #[arg(long)]
        control: PathBuf,
    },
    /// Read `MEASURE SIZE` lines on stdin, answer each with one number on stdout.
    Client {
        #[command(flatten)]
        place: Place,
        /// Path of the server's unix socket.
        #[arg(long)]
        control: PathBuf,
    },
    /// Accept every packet of a netfilter queue.
    AcceptAll {
        #[command(flatten)]
        place: Place,
        /// Number of the queue.
        #[arg(long)]
        queue: u16,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().role {
        Role::Server { place, control } => place.enter().and_then(|()| server::run(&control)),
        Role::Client { place, control } => place.enter().and_then(|()| client::run(&control)),
        Role::AcceptAll { place, queue } => place.enter().and_then(|()| accept_all::run(queue)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cofferdam-load: {error:#}");
            ExitCode::from(2)
        }
    }
}
