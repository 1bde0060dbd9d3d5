//! The names that workloads asked for, and which addresses they were told: from answers of resolvers, as they came. A record
//! shows such a name; nothing is judged by it.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use simple_dns::rdata::RData;
use simple_dns::{Packet, PacketFlag};

#[cfg(test)]
mod tests;

/// So many addresses have names; the ones that were learnt first go.
const MOST: usize = 16_384;
/// Addresses of one answer that are looked at: more are nobody's.
const ANSWERS: usize = 64;

/// Workload and address → name.
#[derive(Debug, Default)]
pub(crate) struct Lookups {
    names: HashMap<(u32, IpAddr), Arc<str>>,
    /// As they came.
    order: VecDeque<(u32, IpAddr)>,
}

// === impl Lookups ===

impl Lookups {
    /// Takes an answer that this workload got. Whoever sent it wrote it: what is no answer is none.
    pub(crate) fn learn(&mut self, workload: u32, message: &[u8]) {
        let Some((name, addresses)) = answer(message) else {
            return;
        };
        let name: Arc<str> = name.into();
        for address in addresses {
            let key = (workload, address);
            if self.names.insert(key, Arc::clone(&name)).is_none() {
                self.order.push_back(key);
            }
        }
        while self.order.len() > MOST {
            if let Some(oldest) = self.order.pop_front() {
                self.names.remove(&oldest);
            }
        }
    }

    /// By which name this workload knows that address.
    pub(crate) fn name(&self, workload: u32, address: IpAddr) -> Option<Arc<str>> {
        if workload == 0 || self.names.is_empty() {
            return None;
        }
        self.names.get(&(workload, address.to_canonical())).cloned()
    }
}

/// The name that was asked for, and all addresses of the answer: an alias is the name that the program used.
fn answer(message: &[u8]) -> Option<(String, Vec<IpAddr>)> {
    let packet = Packet::parse(message).ok()?;
    if !packet.has_flags(PacketFlag::RESPONSE) {
        return None;
    }
    let name = packet.questions.first()?.qname.to_string();
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let addresses = packet
        .answers
        .iter()
        .filter_map(|record| match &record.rdata {
            RData::A(a) => Some(IpAddr::V4(a.address.into())),
            RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.address.into())),
            _ => None,
        })
        .take(ANSWERS);
    Some((name.to_ascii_lowercase(), addresses.collect()))
}
