//! The only place that names the data plane's types.

use std::net::IpAddr;

use cofferdam_policy::{Peer, Protocol};

/// Stub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub workload: u32,
    pub identity: Peer,
    pub subject: u32,
    pub observe: bool,
}
/// Stub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    pub protocol: Protocol,
    pub host_ip: Option<IpAddr>,
    pub host_port: u16,
    pub target_netns: u64,
    pub target_ip: Option<IpAddr>,
    pub container_port: u16,
}
