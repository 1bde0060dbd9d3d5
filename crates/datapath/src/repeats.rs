//! Connects that came again: the kernel counts them instead of recording each, and here the counts are read.

use std::collections::HashMap;
use std::net::{Ipv6Addr, SocketAddr};

use cofferdam_policy::{Action, Protocol, Verdict};
use libbpf_rs::{MapCore, MapFlags};

use crate::abi::{self, read, types};
use crate::cgroups::ignore_absent;
use crate::events::{FlowEvent, Hook, end_point, printable};
use crate::load::boot_time;
use crate::{Datapath, Error, Result};

/// How many entries one system call reads.
const BATCH: u32 = 1024;

/// What was reported of each entry.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    told: HashMap<Vec<u8>, u64>,
}

// === impl Datapath ===

impl Datapath {
    /// Allowed connects that equal an earlier record, since the last call: that record with the time of now, and how
    /// many there were. Also removes what an older policy had said and nobody can count any more.
    pub fn repeated(&mut self) -> Result<Vec<(FlowEvent, u64)>> {
        let map = &self.skel.maps.judged_connects;
        let epoch = self.epochs()?.policy;
        let all = map
            .lookup_batch(BATCH, MapFlags::ANY, MapFlags::ANY)
            .map_err(Error::map("judged_connects", "read"))?;
        let (now, mut told, mut found) = (boot_time(), HashMap::new(), Vec::new());
        for (key, value) in all {
            let (Some(at), Some(judged)) = (read::<types::judged_key>(&key), read::<types::judged>(&value))
            else {
                continue;
            };
            let before = self.repeats.told.get(&key).copied();
            let new = judged.repeats.saturating_sub(before.unwrap_or_default());
            if new > 0 {
                found.extend(event(&at, &judged, now).map(|event| (event, new)));
            } else if at.epoch != epoch && before.is_some() {
                // Nothing came since the last call, so no program holds it any more.
                ignore_absent(map.delete(&key)).map_err(Error::map("judged_connects", "remove"))?;
                continue;
            }
            told.insert(key, judged.repeats);
        }
        self.repeats.told = told;
        Ok(found)
    }

    /// Counts from now on: what was counted for an earlier daemon was its to report.
    pub(crate) fn forget_repeats(&mut self) -> Result<()> {
        self.repeated().map(drop)
    }
}

fn event(key: &types::judged_key, judged: &types::judged, now: u64) -> Option<FlowEvent> {
    Some(FlowEvent {
        time_ns: now,
        verdict: Verdict {
            action: Action::Allow,
            reason: abi::reason(judged.reason)?,
            direction: abi::direction(u32::from(judged.direction)),
            rule: judged.rule,
            observed: false,
        },
        observed: false,
        hook: Hook::Connect,
        from: end_point(&judged.from),
        to: end_point(&judged.to),
        protocol: Protocol::TCP,
        source: SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0),
        destination: SocketAddr::new(abi::ip(&key.addr), key.port),
        inner_port: Some(judged.port).filter(|port| *port != key.port),
        object: None,
        pid: judged.pid,
        comm: printable(&abi::text(&judged.comm)).into(),
    })
}
