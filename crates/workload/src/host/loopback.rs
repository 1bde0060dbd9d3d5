//! The addresses on `lo` that are somebody's private `::1`. 127.0.0.0/8 is all there already; of IPv6 there is one address.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::thread;

use cofferdam_policy::containment::is_private_loopback;
use futures_util::TryStreamExt;
use rtnetlink::Handle;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage, CacheInfo};

use super::HostError;
use super::links::{connect, own_address, refused};

/// In every network namespace.
const LO: u32 = 1;

/// Deprecated, and for ever: it never becomes the source of what goes elsewhere.
fn deprecated() -> CacheInfo {
    let mut lives = CacheInfo::default();
    lives.ifa_valid = u32::MAX;
    lives
}

/// Makes the addresses on `lo` that are private loopbacks exactly these.
pub fn set_loopbacks(wanted: &BTreeSet<Ipv6Addr>) -> Result<(), HostError> {
    // A thread of its own: the caller may be inside a runtime, and must not go on before it is done.
    let done = thread::scope(|scope| scope.spawn(|| set(wanted)).join());
    done.unwrap_or_else(|_| Err(refused("addresses of lo", &"the thread panicked")))
}

#[tokio::main(flavor = "current_thread")]
async fn set(wanted: &BTreeSet<Ipv6Addr>) -> Result<(), HostError> {
    let (handle, _connection) = connect("addresses of lo")?;
    let here = ours(&handle)
        .await
        .map_err(|error| refused("addresses of lo", &error))?;
    let known: BTreeSet<IpAddr> = here.iter().filter_map(own_address).collect();
    for address in wanted
        .iter()
        .filter(|address| !known.contains(&IpAddr::V6(**address)))
    {
        let mut add = handle.address().add(LO, IpAddr::V6(*address), 128);
        add.message_mut()
            .attributes
            .push(AddressAttribute::CacheInfo(deprecated()));
        add.execute()
            .await
            .map_err(|error| refused("an address of lo", &error))?;
    }
    for message in here {
        let stays =
            own_address(&message).is_some_and(|ip| matches!(ip, IpAddr::V6(v6) if wanted.contains(&v6)));
        if !stays {
            // Gone already is what we want.
            let _ = handle.address().del(message).execute().await;
        }
    }
    Ok(())
}

async fn ours(handle: &Handle) -> Result<Vec<AddressMessage>, rtnetlink::Error> {
    let all = handle.address().get().set_link_index_filter(LO).execute();
    let all: Vec<AddressMessage> = all.try_collect().await?;
    let ours = |message: &AddressMessage| {
        let own = own_address(message).filter(IpAddr::is_ipv6);
        message.header.index == LO && own.is_some_and(is_private_loopback)
    };
    Ok(all.into_iter().filter(ours).collect())
}
