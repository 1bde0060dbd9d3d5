//! What must hold for any world: the two engines agree, and a plan gets there without a gap.

#![expect(
    clippy::unwrap_used,
    reason = "the stock of prefixes and addresses is ours and parses"
)]

mod random;

use std::collections::BTreeSet;

use cofferdam_policy::containment::{self, Level};
use cofferdam_policy::{
    Attempt, Compiled, Direction, End, Step, World, compile, compile_with, decide, decide_with, documents,
    labels, openings, plan,
};
use proptest::prelude::*;

fn apply(compiled: &mut Compiled, step: &Step) {
    match *step {
        Step::SetPort(key, value) => _ = compiled.ports.insert(key, value),
        Step::SetRow(key, value) => _ = compiled.rows.insert(key, value),
        Step::SetPrefix(net, value) => _ = compiled.prefixes.insert(net, value),
        Step::DropPrefix(net) => assert!(compiled.prefixes.remove(&net).is_some(), "{net} dropped twice"),
        Step::DropRow(key) => assert!(compiled.rows.remove(&key).is_some(), "{key:?} dropped twice"),
        Step::SetKept(rule) => _ = compiled.kept.insert(rule),
        Step::DropKept(rule) => assert!(compiled.kept.remove(&rule), "{rule} dropped twice"),
        Step::DropPort(key) => assert!(compiled.ports.remove(&key).is_some(), "{key:?} dropped twice"),
    }
}

fn same_maps(one: &Compiled, other: &Compiled) -> bool {
    (&one.rows, &one.ports, &one.prefixes, &one.kept)
        == (&other.rows, &other.ports, &other.prefixes, &other.kept)
}

/// Every table that a row refers to has all its blocks, which is those of the compilation that made it.
fn tables_are_whole(maps: &Compiled, old: &Compiled, new: &Compiled) -> bool {
    let tables: BTreeSet<u32> = maps
        .rows
        .values()
        .map(|row| row.table)
        .filter(|table| *table != 0)
        .collect();
    let blocks = |compiled: &Compiled| -> Vec<_> {
        let blocks = compiled
            .ports
            .iter()
            .filter(|(key, _)| tables.contains(&key.table));
        blocks.map(|(key, value)| (*key, *value)).collect()
    };
    let (have, old, new) = (blocks(maps), blocks(old), blocks(new));
    let whole = |wanted: &[_]| wanted.iter().all(|block| have.contains(block));
    tables
        .iter()
        .all(|table| have.iter().any(|(key, _)| key.table == *table))
        && tables.iter().all(|table| {
            let part = |all: &[(cofferdam_policy::PortKey, cofferdam_policy::PortValue)]| -> Vec<_> {
                all.iter()
                    .filter(|(key, _)| key.table == *table)
                    .copied()
                    .collect()
            };
            whole(&part(&old)) && whole(&part(&new))
        })
}

/// Attempts whose subjects are all in `world`, and at most one of them is a subject: so no other end's policy matters.
fn one_sided(attempts: &[Attempt], world: &World) -> Vec<Attempt> {
    let known: BTreeSet<u32> = world.subjects.iter().map(|subject| subject.number).collect();
    let is_subject = |end| matches!(end, End::Subject(_));
    let fits = |end| !matches!(end, End::Subject(number) if !known.contains(&number));
    attempts
        .iter()
        .filter(|attempt| fits(attempt.from) && fits(attempt.to))
        .filter(|attempt| is_subject(attempt.from) != is_subject(attempt.to))
        .copied()
        .collect()
}

/// A change that gives every subject a new number, as a daemon does whose openings all changed.
fn renumbered(mut world: World) -> World {
    world
        .subjects
        .iter_mut()
        .for_each(|subject| subject.number += 100);
    world
}

fn renumbered_attempts(attempts: &[Attempt]) -> Vec<Attempt> {
    let end = |end| match end {
        End::Subject(number) => End::Subject(number + 100),
        other => other,
    };
    let attempt = |attempt: &Attempt| Attempt {
        from: end(attempt.from),
        to: end(attempt.to),
        ..*attempt
    };
    attempts.iter().map(attempt).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_compiled_policy_decides_as_the_reference(
        world in random::world(),
        attempts in prop::collection::vec(random::attempt(), 40),
    ) {
        let compiled = compile(&world).unwrap();
        for attempt in attempts {
            prop_assert_eq!(compiled.verdict(&world, &attempt), decide(&world, &attempt), "{:?}", attempt);
        }
    }

    #[test]
    fn rule_numbers_stay_and_both_engines_use_them(
        before in random::world(),
        after in random::world(),
        attempts in prop::collection::vec(random::attempt(), 20),
    ) {
        let previous = compile(&before).unwrap().rules;
        let compiled = compile_with(&after, &previous).unwrap();
        prop_assert_eq!(&compiled.rules[..previous.len()], &previous[..]);
        for attempt in attempts {
            let expected = decide_with(&after, &attempt, &previous);
            prop_assert_eq!(compiled.verdict(&after, &attempt), expected, "{:?}", attempt);
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_leads_exactly_to_the_new_maps(before in random::world(), after in random::world()) {
        let old = compile(&before).unwrap();
        let new = compile_with(&after, &old.rules).unwrap();
        let plan = plan(&old, &new);
        let mut maps = old.clone();
        for step in plan.install.iter().chain(&plan.retire) {
            apply(&mut maps, step);
            prop_assert!(tables_are_whole(&maps, &old, &new), "{step:?}");
        }
        prop_assert!(same_maps(&maps, &new));
        let removes = |step: &Step| matches!(
            step,
            Step::DropPrefix(_) | Step::DropRow(_) | Step::DropPort(_) | Step::DropKept(_)
        );
        prop_assert!(!plan.install.iter().any(removes));
    }

    /// G-SWAP: after every step of a plan each subject has the old policy or the new one, whole.
    #[test]
    fn nobody_sees_half_of_a_change(
        (before, after) in random::prefixes().prop_flat_map(|host| {
            (random::world_on(host.clone()), random::world_on(host))
        }),
        attempts in prop::collection::vec(random::attempt(), 60),
    ) {
        let after = renumbered(after);
        let old = compile(&before).unwrap();
        let new = compile_with(&after, &old.rules).unwrap();
        let plan = plan(&old, &new);
        let mut maps = old.clone();
        let olds = one_sided(&attempts, &before);
        for step in &plan.install {
            apply(&mut maps, step);
            for attempt in &olds {
                prop_assert_eq!(maps.verdict(&before, attempt), old.verdict(&before, attempt), "{:?}", step);
            }
        }
        let news = one_sided(&renumbered_attempts(&attempts), &after);
        for step in &plan.retire {
            for attempt in &news {
                prop_assert_eq!(maps.verdict(&after, attempt), new.verdict(&after, attempt), "{:?}", step);
            }
            apply(&mut maps, step);
        }
    }

    #[test]
    fn what_stays_keeps_its_rows(world in random::world()) {
        let old = compile(&world).unwrap();
        let mut grown = world;
        let Some(mut newcomer) = grown.subjects.first().cloned() else { return Ok(()) };
        newcomer.number = 99;
        newcomer.openings.truncate(1);
        for opening in &mut newcomer.openings {
            opening.source.push('!');
        }
        grown.subjects.insert(0, newcomer);
        let new = compile_with(&grown, &old.rules).unwrap();
        for (key, row) in &old.rows {
            prop_assert_eq!(new.rows.get(key), Some(row));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_breaks_a_parser(
        text in prop_oneof![
            "[ap=&:,/.\\[\\]0-9xworldicmp* ä-]{0,24}",
            "(netlink:|abstract:@|shared:)?[0-9]{0,5}[-=/:,]?[a-z0-9.:*]{0,12}(, ?[0-9=:]{1,9})?",
            "\\PC{0,40}", any::<String>()],
    ) {
        for direction in [Direction::Ingress, Direction::Egress] {
            match openings::parse(direction, &text) {
                Ok(opened) => {
                    // What is printed as the source is what was parsed.
                    let prefix = format!("label {}=", openings::label(direction));
                    let mut items: Vec<&str> =
                        opened.iter().filter_map(|one| one.source.strip_prefix(&prefix)).collect();
                    items.dedup();
                    prop_assert_eq!(openings::parse(direction, &items.join(",")), Ok(opened.clone()));
                }
                Err(error) => prop_assert!(error.column <= text.chars().count() + 1, "{}", error),
            }
        }
        for key in containment::KEYS {
            let read = labels::directives(&[(key.to_owned(), text.clone())].into());
            // What holds is written as labels that say the same.
            let holds = read.containment.at(Level::Default);
            let again = holds.labels().into_iter().map(|(key, value)| (key.to_owned(), value));
            prop_assert_eq!(labels::directives(&again.collect()).containment.at(Level::Default), holds);
        }
        let _ = labels::parse(&text);
        let _ = documents::parse("x.yaml", text.as_bytes());
    }
}
