//! SYN-ACKs: who claims to be the server towards a client that trusts the server only.

use std::net::SocketAddr;

use super::arena::{ALL, Arena, Attacker, FRIEND, Genuine, How, Tally, flip, invent};
use super::support::forger::forgeries;
use super::support::wire::{ACK, SYN, Seen, Segment, Wire};

/// SYN-ACKs for one SYN of the friend's.
const SALVO: u32 = 50;
/// The number of the SYN-ACK that must be believed, because it is signed.
const CONTROL: u32 = 0x7000_0000;

struct Known {
    genuine: Genuine,
    /// Number of a SYN-ACK of the server's labels that carried no option.
    unsigned: u32,
}

fn segment(
    arena: &Arena,
    how: How,
    n: u32,
    random: u64,
    syn: &Segment,
    known: &Known,
) -> (u32, u32, Option<Seen>) {
    let Genuine { synack, .. } = &known.genuine;
    let (seq, ack) = ((random >> 32) as u32, syn.seq.wrapping_add(1));
    match how {
        How::Forged => (seq, ack, Some(invent(1, random, 2, seq, ack))),
        How::Tampered => (seq, ack, Some(flip(arena.sign(1, 2, seq, ack), n))),
        How::Replayed => (synack.seq, synack.ack, synack.option),
        How::Borrowed => match n % 4 {
            0 => (synack.seq, ack, synack.option),
            1 => (syn.seq, ack, syn.option),
            2 => (synack.seq, ack, None),
            _ => (seq, ack, None),
        },
        How::Unsigned => (known.unsigned, ack, None),
    }
}

/// One SYN of the friend's, which the server never answers; what the attackers answer; then what must be believed.
fn salvo(arena: &Arena, mute: SocketAddr, wire: &Wire, fire: &mut dyn FnMut(&Segment)) -> bool {
    let stream = arena.stream();
    stream.set_nonblocking(true).unwrap();
    stream.connect(&mute.into()).unwrap_err();
    let port = stream.local_addr().unwrap().as_socket().unwrap().port();
    let syn = wire.wait(|s| s.source == port && s.flags == SYN).unwrap();
    assert!(syn.option.is_some());
    fire(&syn);
    let ack = syn.seq.wrapping_add(1);
    let signed = Segment {
        source: mute.port(),
        destination: port,
        seq: CONTROL,
        ack,
        flags: SYN | ACK,
        option: Some(arena.sign(1, 2, CONTROL, ack)),
        ..Segment::default()
    };
    let to = SocketAddr::new(FRIEND.parse().unwrap(), port);
    assert!(arena.witness.send_as(mute, to, &signed, &[]));
    let believed = wire.wait(|s| s.source == port && s.flags == ACK);
    // The friend acknowledges the one that opened the connection. Without the attackers it is ours, so that it could have
    // been theirs.
    believed.unwrap().ack != CONTROL + 1
}

/// Shots of one attacker at as many SYNs of the friend's as it takes.
fn fire_all(arena: &mut Arena, attacker: &mut Attacker, mute: SocketAddr, how: How, known: &Known) -> Tally {
    let wire = Wire::open(&arena.net);
    let mut tally = Tally::default();
    while tally.sent < forgeries() {
        let mut fire = |syn: &Segment| {
            for _ in 0..SALVO {
                let random = attacker.forger.next();
                let (seq, ack, option) = segment(arena, how, tally.sent, random, syn, known);
                let forged = Segment {
                    source: mute.port(),
                    destination: syn.source,
                    seq,
                    ack,
                    flags: SYN | ACK,
                    option,
                    ..Segment::default()
                };
                let to = SocketAddr::new(FRIEND.parse().unwrap(), syn.source);
                tally.sent += 1;
                tally.left += u32::from(attacker.forger.send_as(mute, to, &forged, &[]));
            }
        };
        let deceived = salvo(arena, mute, &wire, &mut fire);
        tally.accepted += u32::from(deceived) + arena.allowed_on_ingress();
    }
    tally
}

fn accepted(hows: &[How]) -> u32 {
    let (mut arena, attackers) = Arena::new();
    let (listener, mute) = (arena.listener(), arena.listener());
    let which = format!("--sport {} --tcp-flags SYN,ACK SYN,ACK", mute.at.port());
    arena.net.lose(&arena.stage.host, &which);
    let mut total = 0;
    for mut attacker in attackers {
        for how in hows {
            let known = Known {
                genuine: arena.genuine(&listener),
                unsigned: arena.unsigned_synack(),
            };
            let tally = fire_all(&mut arena, &mut attacker, mute.at, *how, &known);
            tally.print("SYN-ACK", *how, attacker.name);
            total += tally.accepted;
        }
    }
    total
}

/// G-FORGED-SYNACK, G-REPLAY, G-BORROWED: nobody answers in the server's name.
#[test]
fn root_no_synack_of_an_attacker_is_accepted() {
    assert_eq!(accepted(&ALL), 0, "accepted");
}

/// G-BORROWED: a stranger whom some server with the server's labels answers, rightly unsigned, cannot use the number of that
/// answer for its own: it answers another's SYN.
#[test]
fn root_an_unsigned_synack_lends_no_identity() {
    assert_eq!(accepted(&[How::Unsigned]), 0, "accepted");
}
