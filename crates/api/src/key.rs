//! The key that signs handshakes: how old it is and when the next one comes. Never the key itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::VERSION;

/// The key that signs handshakes now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Key {
    /// Its number, 0 to 15; the numbers come round.
    pub epoch: u32,
    /// Since when it signs.
    pub since: Timestamp,
    /// For how many seconds it has signed.
    pub age_seconds: u64,
    /// For how many seconds a key signs; absent: until somebody rotates it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate_every_seconds: Option<u64>,
    /// When the next key comes by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
}

/// Answer of `GET /v1/key` and `POST /v1/key/rotate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyAnswer {
    /// Version of the wire.
    pub version: u32,
    /// The key that signs from now on.
    pub key: Key,
}

// === impl Key ===

impl Key {
    /// In how many seconds the next key comes by itself; 0 where it is due.
    #[must_use]
    pub fn next_in_seconds(&self) -> Option<u64> {
        let every = self.rotate_every_seconds?;
        Some(every.saturating_sub(self.age_seconds))
    }
}

// === impl KeyAnswer ===

impl From<Key> for KeyAnswer {
    fn from(key: Key) -> Self {
        Self {
            version: VERSION,
            key,
        }
    }
}
