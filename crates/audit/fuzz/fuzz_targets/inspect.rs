//! `docker inspect`, `daemon.json`, and what an engine answers.
#![no_main]

use cofferdam_audit::engine::Engine;
use cofferdam_audit::matrix::matrix;
use cofferdam_audit::model::Estate;
use cofferdam_audit::{check, inspect};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut engine = Engine::read_configuration("daemon.json", data);
    engine.add_version(data);
    engine.add_info(data);
    let estate = Estate {
        projects: vec![inspect::read("i.json", data, None), inspect::read("engine", data, Some("docker"))],
        engine: Some(engine),
        host: None,
    };
    let _ = (check(&estate), matrix(&estate));
});
