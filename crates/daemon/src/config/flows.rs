//! `[flows]`: how many flow records are kept, how long, and in how large a file.

use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::flows::Limits;

const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(3650 * 24 * 3600);
const SMALLEST: u64 = 1 << 20;
const LARGEST: u64 = 64 << 30;

/// `[flows]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Flows {
    /// What is recorded.
    pub record: Wanted,
    /// Records kept in memory, 100 to 1,000,000.
    pub keep: usize,
    /// How long a record is kept in the file, 1 minute to 3650 days.
    #[serde(deserialize_with = "age")]
    pub max_age: Duration,
    /// What the file does not outgrow, 1 MiB to 64 GiB.
    #[serde(deserialize_with = "size")]
    pub max_size: u64,
}

/// Which verdicts are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wanted {
    /// All of protected workloads.
    All,
    /// Denials alone.
    Denied,
}

// === impl Flows ===

impl Flows {
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            age: self.max_age,
            size: self.max_size,
        }
    }
}

impl Default for Flows {
    fn default() -> Self {
        Self {
            record: Wanted::All,
            keep: 10_000,
            max_age: Duration::from_secs(7 * 24 * 3600),
            max_size: 256 << 20,
        }
    }
}

fn age<'de, D: Deserializer<'de>>(value: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(value)?;
    let time = super::time(&text).filter(|time| (SHORTEST..=LONGEST).contains(time));
    time.ok_or_else(|| {
        D::Error::custom(format!(
            "`{text}` is no age of records; write \"7d\", anything from \"1m\" to \"3650d\""
        ))
    })
}

fn size<'de, D: Deserializer<'de>>(value: D) -> Result<u64, D::Error> {
    let text = String::deserialize(value)?;
    bytes(&text)
        .filter(|size| (SMALLEST..=LARGEST).contains(size))
        .ok_or_else(|| {
            D::Error::custom(format!(
                "`{text}` is no size of a file; write \"256MiB\", anything from \"1MiB\" to \"64GiB\""
            ))
        })
}

/// `256MiB` → bytes.
fn bytes(text: &str) -> Option<u64> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    units.iter().find_map(|(unit, shift)| {
        let number = text.strip_suffix(unit)?.trim_end().parse::<u64>().ok()?;
        number.checked_mul(1 << shift)
    })
}
