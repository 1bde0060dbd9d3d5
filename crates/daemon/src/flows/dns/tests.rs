#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use simple_dns::rdata::{A, CNAME, RData};
use simple_dns::{CLASS, Name, Packet, Question, ResourceRecord, TYPE};

use super::{Lookups, MOST};

fn reply(asked: &str, alias: Option<&str>, addresses: &[Ipv4Addr]) -> Vec<u8> {
    let mut packet = Packet::new_reply(7);
    let name = Name::new(asked).unwrap();
    packet.questions.push(Question::new(
        name.clone(),
        TYPE::A.into(),
        CLASS::IN.into(),
        false,
    ));
    let mut owner = name;
    if let Some(alias) = alias {
        let target = Name::new(alias).unwrap();
        let rdata = RData::CNAME(CNAME(target.clone()));
        packet
            .answers
            .push(ResourceRecord::new(owner, CLASS::IN, 60, rdata));
        owner = target;
    }
    for address in addresses {
        let rdata = RData::A(A::from(*address));
        packet
            .answers
            .push(ResourceRecord::new(owner.clone(), CLASS::IN, 60, rdata));
    }
    packet.build_bytes_vec().unwrap()
}

#[test]
fn an_address_has_the_name_that_was_asked_for_also_behind_an_alias() {
    let mut lookups = Lookups::default();
    let address = Ipv4Addr::new(203, 0, 113, 9);
    lookups.learn(1, &reply("Example.org", Some("edge.example.net"), &[address]));
    let name = |workload| lookups.name(workload, IpAddr::V4(address));
    assert_eq!(name(1).as_deref(), Some("example.org"));
    assert_eq!(name(2), None, "another workload did not ask");
    let mapped = IpAddr::V6(address.to_ipv6_mapped());
    assert_eq!(lookups.name(1, mapped).as_deref(), Some("example.org"));
}

#[test]
fn what_is_no_answer_teaches_nothing() {
    let mut lookups = Lookups::default();
    let whole = reply("example.org", None, &[Ipv4Addr::LOCALHOST]);
    for message in [&[][..], &[0; 512], &whole[..whole.len() - 1]] {
        lookups.learn(1, message);
    }
    assert_eq!(lookups.name(1, IpAddr::V4(Ipv4Addr::LOCALHOST)), None);
}

#[test]
fn the_first_ones_go_when_there_are_too_many() {
    let mut lookups = Lookups::default();
    let address = |number: u32| Ipv4Addr::from(0x0a00_0000 + number);
    let most = u32::try_from(MOST).unwrap();
    for number in 0..=most {
        lookups.learn(1, &reply("a.example", None, &[address(number)]));
    }
    assert_eq!(lookups.name(1, address(0).into()), None);
    assert!(lookups.name(1, address(1).into()).is_some());
    assert!(lookups.name(1, address(most).into()).is_some());
}

proptest! {
    #[test]
    fn no_message_is_too_odd(message in proptest::collection::vec(any::<u8>(), 0..512), flips in proptest::collection::vec((0_usize..64, any::<u8>()), 0..8)) {
        let mut lookups = Lookups::default();
        lookups.learn(1, &message);
        let mut altered = reply("example.org", Some("edge.example.net"), &[Ipv4Addr::LOCALHOST]);
        for (at, byte) in flips {
            if let Some(place) = altered.get_mut(at) {
                *place = byte;
            }
        }
        lookups.learn(1, &altered);
        prop_assert!(lookups.order.len() <= 2 * super::ANSWERS);
        for name in lookups.names.values() {
            prop_assert!(name.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
}
