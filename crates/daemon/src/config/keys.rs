//! `[keys]`: how long a key signs.

use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// `[keys]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Keys {
    /// How long a key signs handshakes, 1 minute to 365 days; `None`, which is written `"never"`: until it is rotated by
    /// command.
    #[serde(deserialize_with = "every")]
    pub rotate_every: Option<Duration>,
}

// === impl Keys ===

impl Default for Keys {
    fn default() -> Self {
        Self {
            rotate_every: Some(Duration::from_secs(24 * 3600)),
        }
    }
}

fn every<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(value)?;
    if text == "never" {
        return Ok(None);
    }
    let time = super::time(&text).filter(|time| (SHORTEST..=LONGEST).contains(time));
    time.map(Some).ok_or_else(|| {
        D::Error::custom(format!(
            "`{text}` is no time between two keys; write \"24h\", anything from \"1m\" to \"365d\", or \"never\""
        ))
    })
}
