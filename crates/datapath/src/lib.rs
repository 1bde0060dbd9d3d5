//! The kernel's half: loads the BPF programs, owns their maps and links, and turns numbers into bytes and back.
//!
//! It does not decide anything (`cofferdam-policy` compiles, the programs in `bpf/` look up) and it does not know
//! containers (`cofferdam-workload` does). `bpf/abi.h` is the contract; this is the only crate with unsafe code.

mod abi;
mod batch;
mod cgroups;
mod closed;
mod contain;
mod decider;
mod empty;
mod ending;
mod error;
mod events;
mod features;
mod health;
mod keys;
mod load;
mod netns;
mod places;
mod refusals;
mod repeats;
mod rows;
mod skel;
mod sockets;
pub mod stats;
mod succession;
mod switches;

pub use cgroups::Entry;
pub use closed::Closed;
pub use contain::{Contained, loopback};
pub use decider::{Answer, Decider};
pub use empty::{Empty, Handshake};
pub use ending::{EndBy, Ended, Ender};
pub use error::Error;
pub use events::{CgroupEvent, EndPoint, Event, FlowEvent, Hook, Losses, NamesEvent};
pub use keys::{KEY_DISTANCE, KEY_LIFE};
pub use load::{Datapath, Settings};
pub use netns::netns_cookie;
pub use places::Published;
pub use sockets::Listener;
pub use succession::Passed;
pub use switches::{Global, set_off};

type Result<T, E = Error> = std::result::Result<T, E>;
