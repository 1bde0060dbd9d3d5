//! The lab's network: a namespace that is "the host", and one behind a veth pair that is "the LAN and the world".

use std::fs::File;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, anyhow};
use nix::sched::{CloneFlags, unshare};

use super::place::Place;

/// The host's address on the LAN.
pub const HOST_V4: &str = "192.168.77.1";
/// The host's address on the LAN.
pub const HOST_V6: &str = "fd77::1";
/// A neighbour on the LAN.
pub const LAN_V4: &str = "192.168.77.2";
/// A neighbour on the LAN.
pub const LAN_V6: &str = "fd77::2";
/// An address of the world (TEST-NET-3), which the neighbour answers for.
pub const WORLD_V4: &str = "203.0.113.9";
/// An address of the world. Not the documentation prefix, so that no table of special addresses catches it.
pub const WORLD_V6: &str = "2600:77::9";
/// The cloud's metadata address, which the neighbour answers for.
pub const METADATA_V4: &str = "169.254.169.254";

/// Makes a network namespace with its loopback up. It lives as long as the file or a process in it.
pub fn namespace() -> Result<Arc<File>> {
    let made = thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET).context("cannot make a network namespace\nhint: run as root")?;
        File::open("/proc/thread-self/ns/net").context("cannot open the new network namespace")
    });
    made.join()
        .map_err(|_| anyhow!("the thread that makes a namespace panicked"))?
        .map(Arc::new)
}

/// Connects the two namespaces and gives both their addresses.
pub fn connect(host: &Place, lan: &Place) -> Result<()> {
    for place in [host, lan] {
        // Duplicate address detection would hold every new IPv6 address back for a second.
        sh(
            place,
            "ip link set lo up; for s in all default; do echo 0 > /proc/sys/net/ipv6/conf/$s/accept_dad; done",
        )?;
    }
    // A veth end is moved by a process of the other side, whose namespace `ip` finds by that process.
    let peer = Sleeper::start(lan)?;
    sh(
        host,
        &format!("ip link add lan0 type veth peer name lan0 netns {}", peer.pid()),
    )?;
    let addresses = |own4: &str, own6: &str| {
        format!("ip addr add {own4}/24 dev lan0; ip addr add {own6}/64 dev lan0 nodad; ip link set lan0 up")
    };
    sh(host, &addresses(HOST_V4, HOST_V6))?;
    sh(lan, &addresses(LAN_V4, LAN_V6))?;
    sh(
        host,
        &format!("ip route add default via {LAN_V4}; ip -6 route add default via {LAN_V6}"),
    )?;
    sh(
        lan,
        &format!("ip route add default via {HOST_V4}; ip -6 route add default via {HOST_V6}"),
    )?;
    for address in [
        format!("{WORLD_V4}/32"),
        format!("{WORLD_V6}/128"),
        format!("{METADATA_V4}/32"),
    ] {
        sh(lan, &format!("ip addr add {address} dev lo"))?;
    }
    Ok(())
}

fn sh(place: &Place, script: &str) -> Result<()> {
    place.must("sh", &["-ec", script]).map(drop)
}

/// A process that only marks a namespace.
struct Sleeper(std::process::Child);

impl Sleeper {
    fn start(place: &Place) -> Result<Self> {
        let mut command = place.command("sleep", &["60"]);
        Ok(Self(place.spawn(&mut command)?))
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
