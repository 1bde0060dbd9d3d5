//! Test files and workloads files.
#![no_main]

use cofferdam_policy::trial::{Stage, parse, parse_workloads};
use cofferdam_policy::{cases::Case, explain};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = parse_workloads("w.yaml", data);
    if let Ok(case) = Case::parse(&String::from_utf8_lossy(data)) {
        case.steps.iter().for_each(|step| drop(step.prepare()));
    }
    let Ok(trial) = parse("t.yaml", data) else { return };
    let stage = Stage::new(&trial.workloads, trial.inline, trial.profile);
    for test in &trial.tests {
        if let Some(attempt) = stage.attempt(&test.from, &test.to, (test.protocol, test.port)) {
            assert!(!explain(&stage.world, &attempt).to_string().is_empty());
        }
    }
});
