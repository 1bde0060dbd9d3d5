//! Flows in sums, for `flows --top`: a row for each pair of ends, protocol and port.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;

use cofferdam_api::{Class, FlowEnd, FlowView, Top, TopBy, TopRow, Verdict};

#[cfg(test)]
mod tests;

/// Rows that are held at most: a scan of ports makes one of each. The smaller half goes then.
const ROWS: usize = 50_000;

/// Who, to whom, where, protocol, port.
type Key = (FlowEnd, FlowEnd, Option<IpAddr>, String, u16);

/// The sums so far.
#[derive(Debug)]
pub(crate) struct Sums {
    by: TopBy,
    rows: HashMap<Key, Sum>,
    left_out: u64,
}

#[derive(Debug)]
struct Sum {
    flows: u64,
    denials: u64,
    bytes: u64,
    first: cofferdam_api::Timestamp,
    last: cofferdam_api::Timestamp,
    allow_with: Option<String>,
}

// === impl Sums ===

impl Sums {
    pub(crate) fn new(by: TopBy) -> Self {
        Self {
            by,
            rows: HashMap::new(),
            left_out: 0,
        }
    }

    /// One more record.
    pub(crate) fn add(&mut self, flow: FlowView) {
        if !flow.is_flow() {
            return;
        }
        let denied = flow.verdict == Verdict::Deny;
        if self.rows.len() >= ROWS {
            self.halve();
        }
        let start = flow.start.unwrap_or(flow.time);
        // A workload is known by its name, and this host's addresses are all its own.
        let known = matches!(flow.to.class, Class::Workload | Class::Host | Class::Pending);
        let address = (!known).then(|| flow.destination.ip());
        let port = flow.port();
        let key = (flow.from, flow.to, address, flow.protocol, port);
        let sum = self.rows.entry(key).or_insert(Sum {
            flows: 0,
            denials: 0,
            bytes: 0,
            first: start,
            last: flow.time,
            allow_with: None,
        });
        sum.flows += flow.repeats;
        sum.denials += if denied { flow.repeats } else { 0 };
        let carried = flow
            .totals
            .map_or(0, |totals| totals.bytes_sent + totals.bytes_received);
        sum.bytes += carried;
        sum.first = sum.first.min(start);
        if flow.time >= sum.last {
            sum.last = flow.time;
            sum.allow_with = flow.allow_with.or(sum.allow_with.take());
        }
    }

    /// The largest `limit` of them.
    pub(crate) fn top(self, limit: Option<usize>) -> Top {
        let by = self.by;
        let mut rows: Vec<TopRow> = self.rows.into_iter().map(row).collect();
        rows.retain(|row| by != TopBy::Denials || row.denials > 0);
        rows.sort_by(|a, b| place(by, a).cmp(&place(by, b)));
        let kept = limit.unwrap_or(usize::MAX).min(rows.len());
        let left_out = self.left_out + (rows.len() - kept) as u64;
        rows.truncate(kept);
        Top {
            left_out,
            ..Top::new(rows)
        }
    }

    fn halve(&mut self) {
        let by = self.by;
        let mut sizes: Vec<_> = self
            .rows
            .values()
            .map(|sum| (size(by, sum.flows, sum.denials, sum.bytes), sum.last))
            .collect();
        sizes.sort_unstable();
        let middle = sizes[sizes.len() / 2];
        let before = self.rows.len();
        self.rows
            .retain(|_, sum| (size(by, sum.flows, sum.denials, sum.bytes), sum.last) > middle);
        self.left_out += (before - self.rows.len()) as u64;
    }
}

/// Equal ones in an order that does not change from one answer to the next.
fn place(by: TopBy, row: &TopRow) -> impl Ord {
    fn end(end: &FlowEnd) -> impl Ord {
        (&end.name, &end.namespace, end.class.as_str())
    }
    let size = size(by, row.flows, row.denials, row.bytes);
    let to = (end(&row.to), row.address, row.port, &row.protocol);
    (Reverse(size), Reverse(row.last), end(&row.from), to)
}

fn size(by: TopBy, flows: u64, denials: u64, bytes: u64) -> u64 {
    match by {
        TopBy::Denials => denials,
        TopBy::Flows => flows,
        TopBy::Bytes => bytes,
    }
}

fn row(((from, to, address, protocol, port), sum): (Key, Sum)) -> TopRow {
    TopRow {
        from,
        to,
        address,
        protocol,
        port,
        flows: sum.flows,
        denials: sum.denials,
        bytes: sum.bytes,
        first: sum.first,
        last: sum.last,
        allow_with: sum.allow_with,
    }
}
