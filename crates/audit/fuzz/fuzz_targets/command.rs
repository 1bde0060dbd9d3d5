//! A `docker run` line, and a configuration.
#![no_main]

use cofferdam_audit::decision::Configuration;
use cofferdam_audit::model::Estate;
use cofferdam_audit::{check, command};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    let mut findings = Vec::new();
    if let Some(project) = command::read(&words) {
        findings = check(&Estate {
            projects: vec![project],
            ..Estate::default()
        });
    }
    if let Ok(configuration) = Configuration::read(text) {
        configuration.apply(&mut findings);
    }
});
