//! Rare events, tried often. `cargo xtask soak` runs them long, the tests `root_soak` a small share of each.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

mod burst;
mod daemons;
mod first_act;
mod load;
mod policies;
mod records;
mod ring;
mod servers;
mod swap;

/// One kind of rare event.
pub struct Run {
    /// The name on the command line.
    pub name: &'static str,
    /// What is tried, in one line.
    pub about: &'static str,
    /// What is counted: `starts`, `seconds`, ...
    pub unit: &'static str,
    /// How often a full run tries it.
    pub full: u32,
    /// Tries it so often.
    pub play: fn(u32) -> Result<Report>,
}

/// What a run counted.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Rounds that were run.
    pub rounds: u32,
    /// Verdicts that differ from the policy, connections that were cut, and what else must not be.
    pub wrong: Vec<String>,
    /// What was measured, a line each.
    pub figures: Vec<String>,
}

/// All that need a lab, in the order in which `cargo xtask soak` runs them.
pub const RUNS: &[Run] = &[
    Run {
        name: "first-act",
        about: "containers whose first act is a connection, forbidden and allowed, with a busy daemon",
        unit: "starts of each",
        full: 1000,
        play: first_act::first_act,
    },
    Run {
        name: "kill",
        about: "kill -9 of the daemon under load, sometimes while it starts",
        unit: "kills",
        full: 200,
        play: daemons::kill,
    },
    Run {
        name: "records",
        about: "kill -9 of the daemon while it writes flow records",
        unit: "kills",
        full: 100,
        play: records::kill,
    },
    Run {
        name: "upgrade",
        about: "a new daemon with programs of its own under load, sometimes of another ABI",
        unit: "upgrades",
        full: 100,
        play: daemons::upgrade,
    },
    Run {
        name: "swap",
        about: "policies that change under load: enforce, observe, protect, unprotect",
        unit: "swaps",
        full: 200,
        play: swap::swap,
    },
    Run {
        name: "policies",
        about: "a policy file that is swapped while everything it is about is tried, on every core",
        unit: "swaps",
        full: 10_000,
        play: policies::policies,
    },
    Run {
        name: "ring-full",
        about: "a daemon that does not read its records under load",
        unit: "fillings",
        full: 20,
        play: ring::full,
    },
    Run {
        name: "burst",
        about: "50,000 new connections at once, each in a record or counted as lost",
        unit: "bursts",
        full: 20,
        play: burst::burst,
    },
    Run {
        name: "servers",
        about: "redis, PostgreSQL and nginx under their own load tools in host mode",
        unit: "seconds",
        full: 600,
        play: servers::servers,
    },
];

/// Says on stderr how far a long run is, every few seconds.
struct Progress {
    name: &'static str,
    rounds: u32,
    start: Instant,
    said: Instant,
}

const SAY_EVERY: Duration = Duration::from_secs(10);

/// How many wrong things are printed in words.
const WORDS: usize = 20;

// === impl Report ===

impl Report {
    /// Notes a wrong thing unless it is right.
    fn note(&mut self, round: u32, right: bool, otherwise: impl FnOnce() -> String) {
        self.rounds = self.rounds.max(round + 1);
        if !right {
            self.wrong.push(format!("round {round}: {}", otherwise()));
        }
    }

    /// Takes over what the load saw.
    fn load(&mut self, tally: &crate::pound::Tally) {
        self.wrong.extend(tally.first_wrong.iter().take(WORDS).cloned());
        let more = tally
            .wrong
            .saturating_sub(u64::try_from(tally.first_wrong.len().min(WORDS)).unwrap_or(0));
        if more > 0 {
            self.wrong.push(format!("and {more} more wrong attempts"));
        }
        self.figures.push(format!(
            "{} verdicts and messages under load, slowest denial {:.1} ms, slowest answer {:.1} ms",
            tally.attempts, tally.slowest_denial_ms, tally.slowest_answer_ms
        ));
        let [one, two, more] = tally.turning;
        if one > 0 {
            self.figures.push(format!(
                "what policies differ on: {one} verdicts by one policy, {two} by the old or the new, {more} by more"
            ));
        }
    }

    /// `what: median A ms, p99 B ms, most C ms`.
    fn times(&mut self, what: &str, milliseconds: &mut [f64]) {
        milliseconds.sort_by(f64::total_cmp);
        let at = |share: usize| {
            let last = milliseconds.len().saturating_sub(1);
            milliseconds.get(last * share / 100).copied().unwrap_or(f64::NAN)
        };
        let (median, p99, most) = (at(50), at(99), at(100));
        self.figures.push(format!(
            "{what}: median {median:.2} ms, p99 {p99:.2} ms, most {most:.2} ms"
        ));
    }
}

// === impl Progress ===

impl Progress {
    fn new(name: &'static str, rounds: u32) -> Self {
        let start = Instant::now();
        Self {
            name,
            rounds,
            start,
            said: start,
        }
    }

    fn at(&mut self, round: u32, report: &Report) {
        if self.said.elapsed() >= SAY_EVERY {
            self.said = Instant::now();
            let (name, rounds, wrong) = (self.name, self.rounds, report.wrong.len());
            let seconds = self.start.elapsed().as_secs();
            eprintln!("{name}: {round} of {rounds}, {wrong} wrong, {seconds} s");
        }
    }
}
