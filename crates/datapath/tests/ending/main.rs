//! Established flows that a new policy denies are ended, and no others.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a test fails by panicking; the support serves several files"
)]

#[path = "../support/mod.rs"]
mod support;

mod datagrams;
mod denied;
mod flow;
mod kept;
mod many;

use support::peer;

#[test]
fn peer_process() {
    if let Ok(words) = std::env::var(peer::WORDS) {
        peer::play(&words);
    }
}
