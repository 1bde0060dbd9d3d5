//! The compiled decision in the kernel against the reference, on random worlds.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a test fails by panicking"
)]

#[path = "../../policy/tests/random/mod.rs"]
mod random;

use std::cell::RefCell;

use cofferdam_datapath::Decider;
use cofferdam_policy::{compile, decide};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// G-ENGINES: on any world, the kernel decides as the reference does, rule for rule.
#[test]
fn root_the_kernel_decides_as_the_reference() {
    let decider = RefCell::new(Decider::open().unwrap());
    let config = ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let input = (random::world(), prop::collection::vec(random::attempt(), 40));
    let outcome = TestRunner::new(config).run(&input, |(world, attempts)| {
        let compiled = compile(&world).unwrap();
        decider.borrow_mut().load(&compiled).unwrap();
        for attempt in attempts {
            let found =
                compiled.verdict_by(&world, &attempt, |q| decider.borrow().decide(&q).unwrap().verdict);
            prop_assert_eq!(found, decide(&world, &attempt), "{:?}", attempt);
        }
        Ok(())
    });
    outcome.unwrap();
}

/// G-WIRE: docs/wire.md says what the kernel does.
#[test]
fn root_the_wire_format_is_as_documented() {
    let decider = Decider::open().unwrap();
    let key = (0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
    let text = include_str!("../../../docs/wire.md");
    let mut vectors = 0;
    for line in text.lines().filter(|l| l.contains("  fe 10 cf da")) {
        let (numbers, option) = line.trim().split_once("  ").unwrap();
        let numbers: Vec<u32> = numbers
            .split(' ')
            .map(|n| u32::from_str_radix(n, 16).unwrap())
            .collect();
        let found = decider
            .sign(key, numbers[0], numbers[1], numbers[2], numbers[3])
            .unwrap();
        let found: Vec<String> = found.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(found.join(" "), option);
        vectors += 1;
    }
    assert!(vectors >= 4);
}
