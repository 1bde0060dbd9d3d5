//! The load: a server, a client, and a program that accepts every packet of a queue. Each is a process of its own.
//!
//! Owns only sockets and clocks. It knows nothing of Cofferdam, so every configuration runs the same code; who is
//! in which cgroup, and what is compared with what, is decided by the modules beside this one.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use clap::Subcommand;

use place::Place;

mod accept_all;
mod client;
pub(crate) mod clock;
mod knock;
mod place;
mod server;

/// What a load process is.
#[derive(Subcommand)]
pub(crate) enum Role {
    /// Listen, and hand the ports and one listener to the client over a unix socket
    Server {
        #[command(flatten)]
        place: Place,
        /// Path of the unix socket; created, and removed at the end
        #[arg(long)]
        control: PathBuf,
        /// Where to listen
        #[arg(long)]
        address: Ipv4Addr,
    },
    /// Read `MEASURE SIZE` lines on stdin, answer each with one number on stdout
    Client {
        #[command(flatten)]
        place: Place,
        /// Path of the server's unix socket
        #[arg(long)]
        control: PathBuf,
        /// Where the server listens
        #[arg(long)]
        address: Ipv4Addr,
    },
    /// Listen, print `ready PORT`, and accept until stdin ends
    Listen {
        #[command(flatten)]
        place: Place,
    },
    /// Connect over and over: for each line `allow` or `deny` on stdin print the moment of the first such verdict
    Knock {
        #[command(flatten)]
        place: Place,
        /// Where it listens on loopback
        #[arg(long)]
        port: u16,
        /// Instead of reading stdin, wait to be allowed once, and end
        #[arg(long)]
        once: bool,
    },
    /// Keep a core busy until stdin ends
    Spin {
        #[command(flatten)]
        place: Place,
    },
    /// Accept every packet of a netfilter queue
    AcceptAll {
        #[command(flatten)]
        place: Place,
        /// Number of the queue
        #[arg(long)]
        queue: u16,
    },
}

// === impl Role ===

impl Role {
    /// Enters the place and does the job until stdin ends.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        match self {
            Self::Server {
                place,
                control,
                address,
            } => {
                place.enter()?;
                server::run(control, *address)
            }
            Self::Client {
                place,
                control,
                address,
            } => {
                place.enter()?;
                client::run(control, *address)
            }
            Self::Listen { place } => {
                place.enter()?;
                knock::listen()
            }
            Self::Knock { place, port, once } => {
                place.enter()?;
                knock::knock(*port, *once)
            }
            Self::Spin { place } => {
                place.enter()?;
                knock::spin()
            }
            Self::AcceptAll { place, queue } => {
                place.enter()?;
                accept_all::run(*queue)
            }
        }
    }
}
