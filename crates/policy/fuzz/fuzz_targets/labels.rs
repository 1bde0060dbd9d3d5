//! Directives: each label is read, or refused with a place and a hint; what containment reads says itself again.
#![no_main]

use cofferdam_policy::containment::{KEYS, Level};
use cofferdam_policy::{Labels, labels, openings};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let Ok(value) = std::str::from_utf8(rest) else { return };
    let keys = [&KEYS[..], &[openings::INGRESS, openings::EGRESS, "cofferdam.mode", "cofferdam.port.a"]].concat();
    let key = keys[usize::from(*first) % keys.len()];
    let read = labels::directives(&Labels::from([(key.to_owned(), value.to_owned())]));
    for problem in &read.problems {
        assert!(problem.key() == Some(key) && !problem.to_string().is_empty() && !problem.hint().is_empty());
    }
    let containment = read.containment.at(Level::Default);
    let again = containment.labels().into_iter().map(|(key, value)| (key.to_owned(), value));
    let again = labels::directives(&again.collect());
    assert!(again.problems.is_empty(), "{:?}", again.problems);
    assert_eq!(again.containment.at(Level::Default), containment);
});
