//! Flows in sums: who reaches whom, on which port, how often.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{FlowEnd, VERSION};

/// Answer of `GET /v1/flows/top`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Top {
    /// Version of the wire.
    pub version: u32,
    /// Records that were lost, or are in memory only, as in [`Flows`](crate::Flows).
    #[serde(default)]
    pub lost: u64,
    /// The most of what was asked for first.
    pub rows: Vec<TopRow>,
    /// Rows that the limit left out.
    #[serde(default)]
    pub left_out: u64,
}

/// All flows from one to another on one port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TopRow {
    /// Who started.
    pub from: FlowEnd,
    /// Who was to be reached.
    pub to: FlowEnd,
    /// The address, where that is no workload's and not this host's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub address: Option<IpAddr>,
    /// `tcp`, `udp`, …
    pub protocol: String,
    /// The port; 0 where the protocol has none.
    pub port: u16,
    /// How many.
    pub flows: u64,
    /// How many of them were denied, or, in mode `observe`, would have been.
    pub denials: u64,
    /// Bytes both ways of their TCP connections that have ended.
    #[serde(default)]
    pub bytes: u64,
    /// When the first one was.
    pub first: Timestamp,
    /// When the last one was.
    pub last: Timestamp,
    /// The line that would allow what was denied last, where one exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_with: Option<String>,
}

/// What the rows are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TopBy {
    /// How many were denied. What was never denied is left out.
    #[default]
    Denials,
    /// How many there were.
    Flows,
    /// What they carried.
    Bytes,
}

/// How to sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TopQuery {
    /// What the rows are sorted by.
    #[serde(default)]
    pub by: TopBy,
}

// === impl Top ===

impl Top {
    /// The envelope around `rows`.
    #[must_use]
    pub fn new(rows: Vec<TopRow>) -> Self {
        Self {
            version: VERSION,
            lost: 0,
            rows,
            left_out: 0,
        }
    }
}
