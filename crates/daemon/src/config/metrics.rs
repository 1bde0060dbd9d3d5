//! `[metrics]`: who may scrape, and how many series there may be.

use std::net::SocketAddr;

use serde::Deserialize;

/// `[metrics]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Metrics {
    /// Address and port on which `/metrics` is served to everybody, besides the API's socket.
    pub listen: Option<SocketAddr>,
    /// How many pairs of a denial's ends have series of their own.
    pub pairs: usize,
}

/// What makes no sense, and what would.
pub(super) fn validate(metrics: &Metrics) -> Result<(), (String, String)> {
    if metrics.pairs <= 10_000 {
        return Ok(());
    }
    let what = format!("metrics.pairs = {} is out of range", metrics.pairs);
    Err((what, "0 to 10000".to_owned()))
}

// === impl Metrics ===

impl Default for Metrics {
    fn default() -> Self {
        Self {
            listen: None,
            pairs: 200,
        }
    }
}
