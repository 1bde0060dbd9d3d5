//! Some hundred records as bytes. Words and ends that occur in several of them are there once.
//!
//! A version, then how many and of which time, so that both can be told without reading on, then the records. What a newer
//! cofferdam wrote is not read, and what is broken is left out.

use std::collections::HashMap;
use std::net::SocketAddr;

use cofferdam_api::{
    Class, Direction, FlowEnd, FlowQuery, FlowView, Mode, RuleView, Timestamp, Totals, Verdict,
};
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// A record's number in its run of the daemon, and the record.
pub(super) type Numbered = (u64, FlowView);

const VERSION: u8 = 2;
const HEADER: usize = 1 + 4 + 8 + 8;

/// What stands before the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// How many.
    pub(super) count: u32,
    /// The oldest one's time, in nanoseconds of the Unix epoch.
    pub(super) oldest: i64,
    /// The newest one's.
    pub(super) newest: i64,
}

/// Everything behind the header. Numbers are indices into `words` and `ends`.
#[derive(Default, Serialize, Deserialize)]
struct Body {
    words: Vec<String>,
    ends: Vec<End>,
    rows: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
struct End {
    class: u32,
    name: Option<u32>,
    namespace: Option<u32>,
    labels: Vec<(u32, u32)>,
    identity: Option<u32>,
    network: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    /// Counted from the block's first number.
    number: u64,
    /// Nanoseconds after the oldest record's time.
    time: i64,
    start: Option<i64>,
    verdict: u32,
    reason: u32,
    rule: Option<(u32, u32)>,
    hook: u32,
    mode: u32,
    from: u32,
    to: u32,
    direction: Option<u32>,
    protocol: u32,
    source: Option<SocketAddr>,
    destination: SocketAddr,
    inner_port: Option<u16>,
    dns: Option<u32>,
    object: Option<u32>,
    pid: Option<u32>,
    comm: Option<u32>,
    repeats: u64,
    allow_with: Option<u32>,
    totals: Option<Sums>,
}

#[derive(Serialize, Deserialize)]
struct Sums {
    connections: u64,
    bytes: (u64, u64),
    packets: (u64, u64),
    retransmits: u64,
    rtt_us: u64,
    end: i64,
    duration_ms: u64,
}

/// The bytes of records in the order of their numbers.
pub(super) fn encode(records: &[Numbered]) -> Result<Vec<u8>, postcard::Error> {
    let times = || records.iter().map(|(_, flow)| nanoseconds(flow.time));
    let header = Header {
        count: u32::try_from(records.len()).unwrap_or(u32::MAX),
        oldest: times().min().unwrap_or(0),
        newest: times().max().unwrap_or(0),
    };
    let first = records.first().map_or(0, |(number, _)| *number);
    let mut writer = Writer::default();
    for (number, flow) in records {
        let row = writer.row(number - first, header.oldest, flow);
        writer.body.rows.push(row);
    }
    postcard::to_extend(&writer.body, header.bytes())
}

/// The records of a block that starts with number `first`, as far as `query` wants them; `None`: it cannot be read.
pub(super) fn decode(bytes: &[u8], first: u64, query: &FlowQuery) -> Option<Vec<Numbered>> {
    let header = Header::read(bytes)?;
    let body: Body = postcard::from_bytes(bytes.get(HEADER..)?).ok()?;
    let ends: Vec<FlowEnd> = body.ends.iter().map(|end| body.end(end)).collect::<Option<_>>()?;
    let chosen = |is: &dyn Fn(&FlowEnd) -> bool| -> Vec<bool> { ends.iter().map(is).collect() };
    let (from, to) = (chosen(&|end| query.is_from(end)), chosen(&|end| query.is_to(end)));
    let among = |chosen: &[bool], index: u32| chosen.get(index as usize).copied().unwrap_or(false);
    let mut found = Vec::new();
    for row in &body.rows {
        if among(&from, row.from) && among(&to, row.to) {
            // A row that makes no sense is left out: the others may.
            found.extend(
                body.flow(row, &header, &ends, query)
                    .map(|flow| (first.saturating_add(row.number), flow)),
            );
        }
    }
    Some(found)
}

fn nanoseconds(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX)
}

/// The value that `name` stands for, of those of an enum of the wire.
fn value<T: Copy>(all: &[(&str, T)], name: &str) -> Option<T> {
    all.iter()
        .find(|(known, _)| *known == name)
        .map(|(_, value)| *value)
}

// === impl Header ===

impl Header {
    /// Of a block's bytes, or as many of them as it takes.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (count, rest) = rest.split_first_chunk()?;
        let (oldest, rest) = rest.split_first_chunk()?;
        let newest = rest.first_chunk()?;
        (*version == VERSION).then(|| Self {
            count: u32::from_le_bytes(*count),
            oldest: i64::from_le_bytes(*oldest),
            newest: i64::from_le_bytes(*newest),
        })
    }

    fn bytes(self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.count.to_le_bytes());
        bytes.extend(self.oldest.to_le_bytes());
        bytes.extend(self.newest.to_le_bytes());
        bytes
    }
}

// === writing ===

#[derive(Default)]
struct Writer {
    body: Body,
    words: HashMap<String, u32>,
    ends: HashMap<FlowEnd, u32>,
}

impl Writer {
    fn word(&mut self, text: &str) -> u32 {
        if let Some(index) = self.words.get(text) {
            return *index;
        }
        let index = u32::try_from(self.body.words.len()).unwrap_or(u32::MAX);
        self.body.words.push(text.to_owned());
        self.words.insert(text.to_owned(), index);
        index
    }

    fn end(&mut self, end: &FlowEnd) -> u32 {
        if let Some(index) = self.ends.get(end) {
            return *index;
        }
        let written = End {
            class: self.word(end.class.as_str()),
            name: end.name.as_deref().map(|text| self.word(text)),
            namespace: end.namespace.as_deref().map(|text| self.word(text)),
            labels: end
                .labels
                .iter()
                .map(|(key, value)| (self.word(key), self.word(value)))
                .collect(),
            identity: end.identity,
            network: end.network_mode.as_deref().map(|text| self.word(text)),
        };
        let index = u32::try_from(self.body.ends.len()).unwrap_or(u32::MAX);
        self.body.ends.push(written);
        self.ends.insert(end.clone(), index);
        index
    }

    fn row(&mut self, number: u64, oldest: i64, flow: &FlowView) -> Row {
        let after = |time: Timestamp| nanoseconds(time).saturating_sub(oldest);
        Row {
            number,
            time: after(flow.time),
            start: flow.start.map(after),
            verdict: self.word(flow.verdict.as_str()),
            reason: self.word(&flow.reason),
            rule: flow
                .rule
                .as_ref()
                .map(|rule| (self.word(&rule.name), self.word(&rule.source))),
            hook: self.word(&flow.hook),
            mode: self.word(flow.mode.as_str()),
            from: self.end(&flow.from),
            to: self.end(&flow.to),
            direction: flow.direction.map(|direction| self.word(direction.as_str())),
            protocol: self.word(&flow.protocol),
            source: flow.source,
            destination: flow.destination,
            inner_port: flow.inner_port,
            dns: flow.dns.as_deref().map(|text| self.word(text)),
            object: flow.object.as_deref().map(|text| self.word(text)),
            pid: flow.pid,
            comm: flow.comm.as_deref().map(|text| self.word(text)),
            repeats: flow.repeats,
            allow_with: flow.allow_with.as_deref().map(|text| self.word(text)),
            totals: flow.totals.as_ref().map(|totals| Sums {
                connections: totals.connections,
                bytes: (totals.bytes_sent, totals.bytes_received),
                packets: (totals.packets_sent, totals.packets_received),
                retransmits: totals.retransmits,
                rtt_us: totals.rtt_us,
                end: after(totals.end),
                duration_ms: totals.duration_ms,
            }),
        }
    }
}

// === impl Body ===

impl Body {
    fn word(&self, index: u32) -> Option<&str> {
        self.words.get(index as usize).map(String::as_str)
    }

    /// The word where there is an index: `None` only if that is wrong.
    fn said(&self, index: Option<u32>) -> Option<Option<String>> {
        index.map_or(Some(None), |index| Some(Some(self.word(index)?.to_owned())))
    }

    fn end(&self, end: &End) -> Option<FlowEnd> {
        let mut view = FlowEnd::class(value(Class::ALL, self.word(end.class)?)?);
        view.name = self.said(end.name)?;
        view.namespace = self.said(end.namespace)?;
        view.identity = end.identity;
        view.network_mode = self.said(end.network)?;
        for (key, value) in &end.labels {
            view.labels
                .insert(self.word(*key)?.to_owned(), self.word(*value)?.to_owned());
        }
        Some(view)
    }

    fn flow(&self, row: &Row, header: &Header, ends: &[FlowEnd], query: &FlowQuery) -> Option<FlowView> {
        let time =
            |after: i64| Timestamp::from_nanosecond(i128::from(header.oldest) + i128::from(after)).ok();
        let (at, verdict) = (time(row.time)?, value(Verdict::ALL, self.word(row.verdict)?)?);
        let protocol = self.word(row.protocol)?;
        let asked = row.destination.port();
        let ports = [row.inner_port.unwrap_or(asked), asked];
        if !query.passes(verdict, at, ports, protocol) {
            return None;
        }
        let rule = |(name, source)| -> Option<RuleView> {
            Some(RuleView {
                name: self.word(name)?.to_owned(),
                source: self.word(source)?.to_owned(),
            })
        };
        Some(FlowView {
            time: at,
            start: row.start.and_then(time),
            verdict,
            reason: self.word(row.reason)?.to_owned(),
            rule: row.rule.and_then(rule),
            hook: self.word(row.hook)?.to_owned(),
            mode: value(Mode::ALL, self.word(row.mode)?)?,
            from: ends.get(row.from as usize)?.clone(),
            to: ends.get(row.to as usize)?.clone(),
            direction: row
                .direction
                .and_then(|index| value(Direction::ALL, self.word(index)?)),
            protocol: protocol.to_owned(),
            source: row.source,
            destination: row.destination,
            inner_port: row.inner_port,
            dns: self.said(row.dns)?,
            object: self.said(row.object)?,
            pid: row.pid,
            comm: self.said(row.comm)?,
            repeats: row.repeats,
            allow_with: self.said(row.allow_with)?,
            totals: row
                .totals
                .as_ref()
                .and_then(|sums| Some(sums.totals(time(sums.end)?))),
        })
    }
}

// === impl Sums ===

impl Sums {
    fn totals(&self, end: Timestamp) -> Totals {
        Totals {
            connections: self.connections,
            bytes_sent: self.bytes.0,
            bytes_received: self.bytes.1,
            packets_sent: self.packets.0,
            packets_received: self.packets.1,
            retransmits: self.retransmits,
            rtt_us: self.rtt_us,
            end,
            duration_ms: self.duration_ms,
        }
    }
}
