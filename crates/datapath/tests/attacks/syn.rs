//! SYNs: who claims to be the friend towards a server that trusts the friend only.

use std::net::SocketAddr;

use super::arena::{ALL, Arena, Attacker, Genuine, How, Listener, Tally, flip, invent};
use super::support::forger::forgeries;
use super::support::wire::{ACK, SYN, Seen, Segment};

struct Known {
    genuine: Genuine,
    /// Number of a SYN of the friend's that carried no option.
    unsigned: u32,
}

fn segment(arena: &Arena, how: How, n: u32, random: u64, known: &Known) -> (u32, Option<Seen>) {
    let Genuine { syn, synack, client } = &known.genuine;
    let seq = (random >> 32) as u32;
    match how {
        How::Forged => (seq, Some(invent(2, random, 1, seq, 0))),
        How::Tampered => (seq, Some(flip(arena.sign(2, 1, seq, 0), n))),
        How::Replayed => (syn.seq, syn.option),
        How::Borrowed => match n % 4 {
            0 => (seq, syn.option),
            1 => (synack.seq, synack.option),
            2 => (client.seq, client.option),
            _ => (syn.seq, None),
        },
        How::Unsigned => (known.unsigned, None),
    }
}

/// Whatever was answered is completed as well as the attacker can.
fn complete(attacker: &mut Attacker, at: SocketAddr, known: &Known) {
    for answer in attacker.wire.drain() {
        if answer.flags != SYN | ACK || answer.source != at.port() {
            continue;
        }
        let claim = known.genuine.syn.option.unwrap().claim;
        let tag = attacker.forger.next();
        for option in [
            None,
            Some(Seen { claim, tag }),
            known.genuine.client.option,
            known.genuine.syn.option,
        ] {
            let segment = Segment {
                source: answer.destination,
                destination: at.port(),
                seq: answer.ack,
                ack: answer.seq.wrapping_add(1),
                flags: ACK,
                option,
                ..Segment::default()
            };
            let from = SocketAddr::new(attacker.address, answer.destination);
            attacker.forger.send_as(from, at, &segment, b"forged");
        }
    }
}

fn try_all(
    arena: &mut Arena,
    attacker: &mut Attacker,
    listener: &Listener,
    how: How,
    known: &Known,
) -> Tally {
    let mut tally = Tally::default();
    let mut accepted = Vec::new();
    for n in 0..forgeries() {
        let random = attacker.forger.next();
        let (seq, option) = segment(arena, how, n, random, known);
        let source = 20_000 + (n % 20_000) as u16;
        let segment = Segment {
            source,
            destination: listener.at.port(),
            seq,
            ack: 0,
            flags: SYN,
            option,
            ..Segment::default()
        };
        let from = SocketAddr::new(attacker.address, source);
        tally.sent += 1;
        tally.left += u32::from(attacker.forger.send_as(from, listener.at, &segment, &[]));
        if n % 16 == 15 {
            complete(attacker, listener.at, known);
            accepted.extend(listener.accepted());
            tally.accepted += arena.allowed_on_ingress();
        }
    }
    complete(attacker, listener.at, known);
    // The friend is still welcome; whoever came before it was not.
    let stream = arena.stream();
    stream.connect(&listener.at.into()).unwrap();
    let port = stream.local_addr().unwrap().as_socket().unwrap().port();
    accepted.extend(listener.wait(port).1);
    tally.accepted += accepted.len() as u32 + arena.allowed_on_ingress();
    tally
}

fn accepted(hows: &[How]) -> u32 {
    let (mut arena, attackers) = Arena::new();
    let mut total = 0;
    for mut attacker in attackers {
        for how in hows {
            let listener = arena.listener();
            let known = Known {
                genuine: arena.genuine(&listener),
                unsigned: arena.unsigned_syn(),
            };
            let tally = try_all(&mut arena, &mut attacker, &listener, *how, &known);
            tally.print("SYN", *how, attacker.name);
            total += tally.accepted;
        }
    }
    total
}

/// G-FORGED-SYN, G-REPLAY, G-BORROWED: no SYN opens a connection to who trusts somebody else.
#[test]
fn root_no_syn_of_an_attacker_is_accepted() {
    assert_eq!(accepted(&ALL), 0, "accepted");
}

/// G-BORROWED: whoever saw an unsigned SYN of the friend's (its peer in the Internet did) may tell its number to somebody on
/// this host: that one's SYN is still its own.
#[test]
fn root_an_unsigned_syn_lends_no_identity() {
    assert_eq!(accepted(&[How::Unsigned]), 0, "accepted");
}
