//! The client's ACK: who completes a handshake that the friend began, or replays one that it completed.

use std::net::SocketAddr;

use super::arena::{ALL, Arena, FRIEND, Genuine, How, Listener, Tally, flip, invent};
use super::support::forger::forgeries;
use super::support::wire::{ACK, RST, SYN, Seen, Segment, Wire};

/// ACKs for one SYN of the friend's.
const SALVO: u32 = 50;
const FORGED: &str = "forged";
const SIGNED: &str = "signed";

/// A handshake that lacks the friend's ACK.
struct Begun {
    from: SocketAddr,
    syn: Segment,
    synack: Segment,
}

fn segment(arena: &Arena, how: How, n: u32, random: u64, begun: &Begun, known: &Genuine) -> Segment {
    let (seq, ack) = (begun.syn.seq.wrapping_add(1), begun.synack.seq.wrapping_add(1));
    let client = &known.client;
    let (seq, ack, option) = match how {
        How::Forged => (seq, ack, Some(invent(2, random, 3, seq, ack))),
        How::Tampered => (seq, ack, Some(flip(arena.sign(2, 3, seq, ack), n))),
        How::Replayed => (client.seq, client.ack, client.option),
        How::Borrowed => match n % 4 {
            0 => (seq, ack, client.option),
            1 => (seq, ack, begun.syn.option),
            2 => (seq, ack, begun.synack.option),
            _ => (seq, ack, None),
        },
        How::Unsigned => unreachable!("a client's ACK is signed or follows an unsigned SYN"),
    };
    of(begun, seq, ack, ACK, option)
}

fn of(begun: &Begun, seq: u32, ack: u32, flags: u8, option: Option<Seen>) -> Segment {
    Segment {
        source: begun.from.port(),
        destination: begun.syn.destination,
        seq,
        ack,
        flags,
        option,
        ..Segment::default()
    }
}

/// The friend connects; its ACK is lost.
fn begin(arena: &Arena, at: SocketAddr, to_server: &Wire, to_client: &Wire) -> (socket2::Socket, Begun) {
    let stream = arena.stream();
    stream.set_nonblocking(true).unwrap();
    stream.connect(&at.into()).unwrap_err();
    let from = stream.local_addr().unwrap().as_socket().unwrap();
    let syn = to_server.wait(|s| s.source == from.port() && s.flags == SYN);
    let synack = to_client.wait(|s| s.destination == from.port() && s.flags == SYN | ACK);
    let begun = Begun {
        from,
        syn: syn.unwrap(),
        synack: synack.unwrap(),
    };
    (stream, begun)
}

/// Completes it as only the friend could; what the server had accepted before that, or instead.
fn end(arena: &Arena, listener: &Listener, begun: &Begun) -> u32 {
    let (seq, ack) = (begun.syn.seq.wrapping_add(1), begun.synack.seq.wrapping_add(1));
    let signed = of(begun, seq, ack, ACK, Some(arena.sign(2, 3, seq, ack)));
    assert!(
        arena
            .witness
            .send_as(begun.from, listener.at, &signed, SIGNED.as_bytes())
    );
    let (first, others) = listener.wait(begun.from.port());
    let reset = of(begun, seq.wrapping_add(SIGNED.len() as u32), 0, RST, None);
    arena.witness.send_as(begun.from, listener.at, &reset, &[]);
    u32::from(first != SIGNED) + others.len() as u32
}

/// G-FORGED-ACK, G-REPLAY, G-BORROWED: a handshake is completed by who began it, or not at all.
#[test]
fn root_no_ack_of_an_attacker_is_accepted() {
    let (mut arena, attackers) = Arena::new();
    let (listener, deaf) = (arena.listener(), arena.listener());
    let which = format!("--dport {} --tcp-flags SYN,ACK ACK", deaf.at.port());
    arena.net.lose(&arena.friend_netns, &which);
    let (to_server, to_client) = (Wire::open(&arena.net), Wire::open_at(&arena.friend_netns));
    let mut total = 0;
    for mut attacker in attackers {
        for how in ALL {
            let known = arena.genuine(&listener);
            let mut tally = Tally::default();
            while tally.sent < forgeries() {
                let (_stream, begun) = begin(&arena, deaf.at, &to_server, &to_client);
                for _ in 0..SALVO {
                    let random = attacker.forger.next();
                    let forged = segment(&arena, how, tally.sent, random, &begun, &known);
                    tally.sent += 1;
                    let left = attacker
                        .forger
                        .send_as(begun.from, deaf.at, &forged, FORGED.as_bytes());
                    tally.left += u32::from(left);
                }
                tally.accepted += end(&arena, &deaf, &begun) + arena.allowed_on_ingress();
            }
            tally.print("ACK", how, attacker.name);
            total += tally.accepted;
        }
    }
    assert_eq!(total, 0, "accepted");
}

/// G-REPLAY: a server that answers with SYN cookies keeps nothing of a handshake; the ACK that completed one does not complete
/// another, bit for bit the friend's though it is.
#[test]
fn root_a_replayed_ack_is_refused_under_syn_cookies() {
    let (arena, attackers) = Arena::new();
    arena.net.write(&arena.stage.host, "net/ipv4/tcp_syncookies", "2");
    let listener = arena.listener();
    let known = arena.genuine(&listener);
    let from = SocketAddr::new(FRIEND.parse().unwrap(), known.syn.source);
    let mut accepted = 0;
    for attacker in &attackers {
        let (mut others, mut let_out) = (Vec::new(), 0);
        for _ in 0..forgeries() {
            let left = attacker
                .forger
                .send_as(from, listener.at, &known.client, FORGED.as_bytes());
            let_out += u32::from(left);
            others.extend(listener.accepted());
        }
        // The friend is still welcome, after whoever came before.
        let stream = arena.stream();
        stream.connect(&listener.at.into()).unwrap();
        let port = stream.local_addr().unwrap().as_socket().unwrap().port();
        others.extend(listener.wait(port).1);
        let tally = Tally {
            sent: forgeries(),
            left: let_out,
            accepted: others.len() as u32,
        };
        tally.print("cookies", How::Replayed, attacker.name);
        accepted += tally.accepted;
    }
    assert_eq!(accepted, 0, "accepted");
}
