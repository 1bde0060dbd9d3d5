//! Discovery: what runs on this host, as a stream of changes.
//!
//! Owns the Docker socket (bollard), and the host's facts in /proc, cgroup2 and netlink. It decides nothing: which
//! workload is protected and what its labels open is the daemon's and the policy crate's business. Decoding
//! (JSON → [`Container`]) is pure and lies apart from the I/O that feeds it.

mod container;
mod docker;
pub mod host;
pub mod sockets;

pub use container::{Container, ContainerId, ContainerState, InvalidId, NetworkMode, PublishedPort};
pub use docker::{Change, DockerConfig, EngineInfo, watch};
