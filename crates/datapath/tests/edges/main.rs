//! The edges of the data plane: handshakes that go wrong, protocols that few use, and one test a point of
//! docs/dataplane-points.md.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a test fails by panicking; the support serves several files"
)]

#[path = "../support/mod.rs"]
mod support;

mod datagrams;
mod handshakes;
mod older;
mod points;
mod protocols;
mod refusals;

use support::peer;

#[test]
fn peer_process() {
    if let Ok(words) = std::env::var(peer::WORDS) {
        peer::play(&words);
    }
}
