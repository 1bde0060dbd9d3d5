//! What a sniffer with raw sockets cannot do: borrow an identity, by any segment of the handshake.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a test fails by panicking; the support serves several files"
)]

mod support;

use support::forger::{Attack, Forger, answers, forgeries};
use support::peer;
use support::wire::{ACK, SYN, Seen, Segment, Wire};

#[test]
fn peer_process() {
    if let Ok(words) = std::env::var(peer::WORDS) {
        peer::play(&words);
    }
}

/// G-FORGED-SYN: a SYN with an invented, altered or borrowed tag is not answered.
#[test]
fn root_forged_syns_are_not_answered() {
    let mut attack = Attack::prepare();
    let mut forger = Forger::new(&attack.pair.net);
    let wire = Wire::open(&attack.pair.net);
    let genuine = attack.syn.option.unwrap();
    let count = forgeries();
    for n in 0..count {
        let random = forger.next();
        let option = match n % 4 {
            0 => Some(Seen {
                tag: random,
                ..genuine
            }),
            1 => Some(Seen {
                claim: genuine.claim ^ 1,
                ..genuine
            }),
            2 => Some(genuine),
            _ => None,
        };
        let syn = Segment {
            source: 20_000 + (n % 10_000) as u16,
            seq: random as u32,
            option,
            ..attack.syn.clone()
        };
        forger.send(attack.at, &syn);
    }
    let answered: Vec<Segment> = wire
        .segments()
        .into_iter()
        .filter(|s| s.flags & (SYN | ACK) == SYN | ACK)
        .collect();
    assert!(
        answered.is_empty(),
        "{} of {count}: {:?}",
        answered.len(),
        answered.first()
    );
    let bad = attack.pair.stage.datapath().losses().unwrap().bad_tags;
    assert!(bad >= u64::from(count / 4 * 3), "{bad} were noticed");
}

/// G-REPLAY: a replayed SYN may be answered, but whoever does not live in that handshake cannot complete it.
#[test]
fn root_replayed_handshakes_do_not_complete() {
    let attack = Attack::prepare();
    let mut forger = Forger::new(&attack.pair.net);
    // Each takes half a second, most of it waiting for an answer that must not come.
    let count = (forgeries() / 20).min(500);
    for n in 0..count {
        let port = 30_000 + n as u16;
        let wire = Wire::open(&attack.pair.net);
        forger.send(
            attack.at,
            &Segment {
                source: port,
                ..attack.syn.clone()
            },
        );
        let Some(synack) = answers(&wire, port).into_iter().next() else {
            continue;
        };
        let random = forger.next();
        let claim = attack.syn.option.unwrap().claim;
        for option in [
            None,
            Some(Seen { claim, tag: random }),
            attack.client.option,
            attack.syn.option,
        ] {
            let seq = attack.syn.seq.wrapping_add(1);
            let ack = synack.seq.wrapping_add(1);
            forger.send(
                attack.at,
                &Segment {
                    source: port,
                    seq,
                    ack,
                    flags: ACK,
                    option,
                    ..attack.syn.clone()
                },
            );
        }
        let more = answers(&wire, port);
        assert!(
            more.iter().all(|s| s.flags & SYN != 0),
            "the server went on: {more:?}"
        );
    }
}
