//! The addresses and prefixes of this network namespace, over rtnetlink, and word of their changes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::{Stream, StreamExt, TryStreamExt};
use ipnet::IpNet;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::{Handle, MulticastGroup};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::HostError;

/// How long changes are gathered: a link that comes up makes several messages.
const GATHER: Duration = Duration::from_millis(50);

/// Every address of this network namespace, loopback included, sorted.
pub async fn addresses() -> Result<Vec<IpAddr>, HostError> {
    let mut found: Vec<_> = dump().await?.iter().filter_map(own_address).collect();
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Every interface of this network namespace by its name.
pub fn interfaces() -> Result<BTreeMap<String, u32>, HostError> {
    let all = nix::net::if_::if_nameindex().map_err(|error| refused("interfaces", &error))?;
    let named = all
        .iter()
        .map(|one| (one.name().to_string_lossy().into_owned(), one.index()));
    Ok(named.collect())
}

/// The prefixes on this namespace's links, loopback's left out, Docker's bridges included, sorted.
pub async fn link_prefixes() -> Result<Vec<IpNet>, HostError> {
    let mut found: Vec<_> = dump().await?.iter().filter_map(prefix).collect();
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Sends `()` after addresses or links of this namespace have changed (a burst gives one), until the receiver is dropped.
/// An error means that the kernel refused the subscription; nothing will ever be sent then.
pub async fn watch_addresses(changed: mpsc::Sender<()>) -> Result<(), HostError> {
    loop {
        let messages = subscribe().await?;
        if forward(messages, &changed).await.is_err() {
            return Ok(());
        }
        // The kernel drops a reader that is too slow for it, and what it dropped may have been a change.
        if changed.send(()).await.is_err() {
            return Ok(());
        }
        tokio::time::sleep(GATHER).await;
    }
}

/// A subscription, and the connection that feeds it.
struct Messages<S>(S, AbortOnDrop);

async fn subscribe() -> Result<Messages<impl Stream + Unpin>, HostError> {
    let groups = [
        MulticastGroup::Link,
        MulticastGroup::Ipv4Ifaddr,
        MulticastGroup::Ipv6Ifaddr,
    ];
    let (connection, _, messages) =
        rtnetlink::new_multicast_connection(&groups).map_err(|error| refused("address changes", &error))?;
    Ok(Messages(messages, AbortOnDrop(tokio::spawn(connection))))
}

/// The receiver was dropped.
struct ReceiverGone;

/// Forwards until the messages end.
async fn forward<S: Stream + Unpin>(
    Messages(mut messages, _connection): Messages<S>,
    changed: &mpsc::Sender<()>,
) -> Result<(), ReceiverGone> {
    loop {
        tokio::select! {
            () = changed.closed() => return Err(ReceiverGone),
            message = messages.next() => if message.is_none() { return Ok(()) },
        }
        // Only the end of the messages cuts the gathering short, and the next turn sees that too.
        let burst = async { while messages.next().await.is_some() {} };
        let _ = tokio::time::timeout(GATHER, burst).await;
        changed.send(()).await.map_err(|_| ReceiverGone)?;
    }
}

/// A handle, and the connection that it needs.
pub(super) fn connect(what: &'static str) -> Result<(Handle, AbortOnDrop), HostError> {
    let (connection, handle, _messages) =
        rtnetlink::new_connection().map_err(|error| refused(what, &error))?;
    Ok((handle, AbortOnDrop(tokio::spawn(connection))))
}

async fn dump() -> Result<Vec<AddressMessage>, HostError> {
    let (handle, _connection) = connect("addresses")?;
    handle
        .address()
        .get()
        .execute()
        .try_collect()
        .await
        .map_err(|error| refused("addresses", &error))
}

pub(super) fn refused(what: &'static str, reason: &dyn std::fmt::Display) -> HostError {
    HostError::Netlink {
        what,
        reason: reason.to_string(),
    }
}

/// IFA_LOCAL where it stands: on a point-to-point link IFA_ADDRESS is the other end (rtnetlink(7)).
pub(super) fn own_address(message: &AddressMessage) -> Option<IpAddr> {
    let local = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    local.or_else(|| link_address(message))
}

/// The address that the prefix belongs to: the other end's on a point-to-point link, else our own.
fn link_address(message: &AddressMessage) -> Option<IpAddr> {
    message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Address(address) => Some(*address),
        _ => None,
    })
}

fn prefix(message: &AddressMessage) -> Option<IpNet> {
    let address = link_address(message).or_else(|| own_address(message))?;
    let net = IpNet::new(address, message.header.prefix_len).ok()?;
    (!address.is_loopback()).then(|| net.trunc())
}

/// Ends the netlink connection with its user.
pub(super) struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests;
