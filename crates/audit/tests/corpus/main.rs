//! 1,157 public compose files: nothing panics, every finding has its place, services read as `docker compose config`
//! reads them, and flags as an independent reading has them. The files are found through `COFFERDAM_CORPUS`, or in
//! `shared/corpus` beside the checkout; without them, and without a compose, the tests count as skipped.
//! G-AUDIT-READ, G-AUDIT-PLACE.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

mod compare;
mod flags;
mod reading;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let corpus = corpus();
    let compose = compare::binary();
    if corpus.is_none() {
        eprintln!("no corpus, so its tests are skipped; COFFERDAM_CORPUS names it");
    } else if compose.is_none() {
        eprintln!("no docker compose, so nothing is compared with it; `cargo xtask setup` fetches one");
    }
    let trial = |name: &str, there: bool, test: Box<dyn FnOnce() -> Result<(), String> + Send>| {
        Trial::test(name, move || test().map_err(Failed::from)).with_ignored_flag(!there)
    };
    let root = corpus.clone().unwrap_or_default();
    let (first, second, third) = (root.clone(), root.clone(), root);
    let binary = compose.clone().unwrap_or_default();
    let both = corpus.is_some() && compose.is_some();
    let trials = vec![
        trial(
            "every_file_is_read_and_every_finding_has_its_place",
            corpus.is_some(),
            Box::new(move || reading::every_file(&first)),
        ),
        trial(
            "flags_are_those_of_an_independent_reading",
            corpus.is_some(),
            Box::new(move || flags::agree(&second)),
        ),
        trial(
            "services_are_those_of_docker_compose",
            both,
            Box::new(move || compare::agree(&third, &binary)),
        ),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let named = std::env::var_os("COFFERDAM_CORPUS").map(PathBuf::from);
    named
        .into_iter()
        .chain([beside])
        .find(|path| path.join("compose").is_dir())
}

/// All files of the corpus, relative to `compose/`, in order.
fn files(root: &Path) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut open = vec![root.join("compose")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))? {
            let path = entry.map_err(|error| error.to_string())?.path();
            if path.is_dir() {
                open.push(path);
            } else if let Ok(below) = path.strip_prefix(root.join("compose")) {
                found.push(below.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}
