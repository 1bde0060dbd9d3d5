//! Forged, tampered, replayed and borrowed segments of the handshake, from raw sockets of others who know every number but
//! the key. How many of each: `COFFERDAM_FORGERIES`, else 200.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a test fails by panicking; the support serves several files"
)]

mod ack;
mod arena;
#[path = "../support/mod.rs"]
mod support;
mod syn;
mod synack;

#[test]
fn peer_process() {
    if let Ok(words) = std::env::var(support::peer::WORDS) {
        support::peer::play(&words);
    }
}
