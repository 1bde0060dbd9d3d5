//! The main job, row by row, on a real Docker Engine with real nginx and curl.
//!
//! `cargo xtask demo` prints the rows, the test `root_walkthrough` asserts them. A row builds on the ones before it,
//! so one that fails does not stop the next, but may make it fail too.

use std::time::Instant;

use anyhow::{Result, anyhow};
use serde::Serialize;

mod beside;
mod proof;
mod reach;
pub mod scene;
mod start;
mod survive;

pub use scene::{Fetch, Scene};

/// How a row ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It showed what it must show.
    Pass,
    /// It did not.
    Fail,
}

/// One line of the demo.
#[derive(Clone, Debug, Serialize)]
pub struct RowResult {
    /// Number of the row.
    pub row: u8,
    /// How it ended.
    pub result: Verdict,
    /// What was seen, or what was wrong.
    pub observed: String,
    /// Milliseconds that the row took, set-up of its containers included.
    pub ms: u64,
    /// What was done, for people.
    #[serde(skip)]
    pub title: &'static str,
}

/// Does a row and says what it saw.
type Job = fn(&mut Scene) -> Result<String>;

struct Row {
    number: u8,
    title: &'static str,
    job: Job,
}

const ROWS: &[Row] = &[
    Row {
        number: 1,
        title: "cofferdam daemon --hybrid",
        job: start::daemon,
    },
    Row {
        number: 2,
        title: "docker run -l app=nginx --net=host -d nginx",
        job: start::nginx,
    },
    Row {
        number: 3,
        title: "docker inspect, cofferdam ps",
        job: start::listed,
    },
    Row {
        number: 4,
        title: "curl http://127.0.0.1 from the host",
        job: reach::from_the_host,
    },
    Row {
        number: 5,
        title: "curl http://172.17.0.1 in a container with app=nginx",
        job: reach::bridged_same_label,
    },
    Row {
        number: 6,
        title: "cofferdam run --label app=nginx -- curl http://127.0.0.1",
        job: reach::run,
    },
    Row {
        number: 7,
        title: "curl in a shell of cofferdam run, and in its children",
        job: reach::inherited,
    },
    Row {
        number: 8,
        title: "the same with other labels or none",
        job: reach::strangers,
    },
    Row {
        number: 9,
        title: "two host-mode containers with different labels",
        job: reach::two_rooms,
    },
    Row {
        number: 10,
        title: "everything else on the host, before and after",
        job: beside::unprotected,
    },
    Row {
        number: 11,
        title: "docker exec, fork, a process moved into the container",
        job: beside::inside,
    },
    Row {
        number: 12,
        title: "kill -9 the daemon, start it again",
        job: survive::kill,
    },
    Row {
        number: 13,
        title: "a container that connects first thing, 200 times",
        job: proof::first_act,
    },
    Row {
        number: 14,
        title: "cofferdam daemon --mode observe",
        job: survive::observe,
    },
    Row {
        number: 15,
        title: "stop, off, stop --open",
        job: survive::stop,
    },
    Row {
        number: 16,
        title: "one label in every network mode",
        job: proof::modes,
    },
];

/// Runs all rows in one lab and hands each to `each` as it ends. An error only where no lab could be made.
pub fn run(mut each: impl FnMut(&RowResult)) -> Result<Vec<RowResult>> {
    let mut scene = Scene::set()?;
    let mut results = Vec::new();
    for row in ROWS {
        let result = row.run(&mut scene);
        each(&result);
        results.push(result);
    }
    Ok(results)
}

// === impl Row ===

impl Row {
    fn run(&self, scene: &mut Scene) -> RowResult {
        let start = Instant::now();
        let (result, observed) = match (self.job)(scene) {
            Ok(observed) => (Verdict::Pass, observed),
            Err(error) => (Verdict::Fail, format!("{error:#}").replace('\n', " ")),
        };
        let ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        RowResult {
            row: self.number,
            result,
            observed,
            ms,
            title: self.title,
        }
    }
}

/// An error unless `holds`.
fn require(holds: bool, otherwise: impl Into<String>) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(anyhow!(otherwise.into()))
    }
}
