//! The result as tables of at most 80 columns, or as one JSON document.

use std::fmt::Write;

use serde::Serialize;

use crate::figures::{Figure, Samples};
use crate::goals::Outcome;
use crate::hooks::Cost;
use crate::plan::{Measure, Setting};

#[cfg(test)]
mod tests;

/// Everything that was found out.
pub(crate) struct Report {
    pub(crate) samples: Samples,
    pub(crate) costs: Vec<Cost>,
    pub(crate) daemon: Daemon,
    /// A bare pair while programs are attached elsewhere, over the same while none is anywhere.
    pub(crate) hooks_elsewhere: Option<Figure>,
    pub(crate) goals: Vec<Outcome>,
}

/// The daemon's own figures.
#[derive(Serialize)]
pub(crate) struct Daemon {
    /// From exec to READY=1.
    pub(crate) ready_ms: f64,
    /// Resident when ready.
    pub(crate) memory_at_start_mib: f64,
    /// Resident after all rounds, with the flows of all of them.
    pub(crate) memory_at_end_mib: f64,
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    bench: Vec<Row>,
    hooks: &'a [Cost],
    daemon: &'a Daemon,
    bare_beside_hooks: Option<Figure>,
    goals: &'a [Outcome],
}

#[derive(Serialize)]
struct Row {
    measure: Measure,
    setting: Setting,
    value: Figure,
    of_bare: Option<Figure>,
    of_empty: Option<Figure>,
}

const SETTINGS: [Setting; 7] = [
    Setting::Bare,
    Setting::Unprotected,
    Setting::Empty,
    Setting::Protected,
    Setting::Nft10,
    Setting::Nft1000,
    Setting::Nfqueue,
];

// === impl Report ===

impl Report {
    /// `{"version":1,"bench":[...],...}` and a newline.
    pub(crate) fn json(&self) -> serde_json::Result<String> {
        let bench = Measure::ALL
            .iter()
            .flat_map(|measure| self.rows(*measure))
            .collect();
        let document = Document {
            version: 1,
            bench,
            hooks: &self.costs,
            daemon: &self.daemon,
            bare_beside_hooks: self.hooks_elsewhere,
            goals: &self.goals,
        };
        Ok(serde_json::to_string(&document)? + "\n")
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        let (runs, rounds) = self.samples.counts();
        line(
            &mut text,
            &format!("{rounds} rounds in {runs} runs; median of the runs, smallest..largest run"),
        );
        for measure in Measure::ALL {
            line(&mut text, "");
            let head = format!("{:<28}{:>9}  {:<18}  {:<18}", "", "value", "of bare", "of empty");
            line(&mut text, measure.title());
            line(&mut text, head.trim_end());
            for row in self.rows(measure) {
                line(&mut text, row.text().trim_end());
            }
        }
        line(&mut text, "");
        line(
            &mut text,
            &format!(
                "bare beside hooks / bare alone, one thread: {}",
                ratio(self.hooks_elsewhere)
            ),
        );
        self.hooks(&mut text);
        line(&mut text, "");
        line(
            &mut text,
            &format!(
                "daemon: ready in {:.0} ms, {:.1} MiB resident then, {:.1} MiB at the end",
                self.daemon.ready_ms, self.daemon.memory_at_start_mib, self.daemon.memory_at_end_mib
            ),
        );
        line(&mut text, "");
        for outcome in &self.goals {
            line(&mut text, &outcome_line(outcome));
        }
        text
    }

    fn rows(&self, measure: Measure) -> Vec<Row> {
        let row = |setting: &Setting| {
            let ratio = |base: Setting| {
                let ratio = self.samples.ratio(measure, *setting, base);
                ratio.filter(|_| *setting != base)
            };
            Some(Row {
                measure,
                setting: *setting,
                value: self.samples.value(measure, *setting)?,
                of_bare: ratio(Setting::Bare),
                of_empty: ratio(Setting::Empty).filter(|_| *setting == Setting::Protected),
            })
        };
        SETTINGS.iter().filter_map(row).collect()
    }

    /// Nanoseconds of the empty programs a connection: what the measurement itself costs.
    fn floor(&self) -> f64 {
        let empty = self.costs.iter().find(|cost| cost.setting == Setting::Empty);
        empty.map_or(0.0, |cost| cost.total_ns)
    }

    fn hooks(&self, text: &mut String) {
        line(text, "");
        line(
            text,
            "BPF programs, both ends of a connection, from the kernel's statistics",
        );
        line(
            text,
            &format!(
                "{:<28}{:>9}  {:>8}  {:>13}",
                "", "runs", "ns a run", "ns connection"
            ),
        );
        let floor = self.floor();
        for cost in &self.costs {
            line(
                text,
                &format!(
                    "{:<28}{:>9}  {:>8}  {:>13.0}",
                    cost.setting.title(),
                    "",
                    "",
                    cost.total_ns
                ),
            );
            for hook in &cost.hooks {
                let total = hook.runs * hook.ns;
                line(
                    text,
                    &format!(
                        "  {:<26}{:>9.2}  {:>8.0}  {:>13.0}",
                        hook.program, hook.runs, hook.ns, total
                    ),
                );
            }
            if cost.setting == Setting::Protected {
                line(
                    text,
                    &format!(
                        "{:<28}{:>34.0}",
                        "  above the empty programs",
                        cost.total_ns - floor
                    ),
                );
            }
        }
    }
}

// === impl Row ===

impl Row {
    fn text(&self) -> String {
        format!(
            "{:<28}{:>9}  {:<18}  {:<18}",
            self.setting.title(),
            grouped(self.value.median / f64::from(self.measure.scale())),
            ratio(self.of_bare),
            ratio(self.of_empty),
        )
    }
}

fn ratio(figure: Option<Figure>) -> String {
    figure.map_or_else(String::new, |f| {
        format!("{:.3} {:.3}..{:.3}", f.median, f.min, f.max)
    })
}

fn outcome_line(outcome: &Outcome) -> String {
    format!(
        "{}  {:<42}{:>8} {:>8}: {:.3}",
        if outcome.pass { "PASS" } else { "FAIL" },
        outcome.goal,
        "",
        outcome.limit,
        outcome.seen.median,
    )
}

fn line(text: &mut String, what: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{what}");
}

/// Thousands apart: 12,345.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
