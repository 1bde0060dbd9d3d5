//! The result as tables of at most 80 columns, or as one JSON document.

use std::fmt::Write;

use serde::Serialize;

use crate::figures::{Figure, Samples};
use crate::goals::Outcome;
use crate::hooks::Cost;
use crate::plan::{Measure, Part, Setting};
use crate::scale::Scale;

mod scale;

#[cfg(test)]
mod tests;

/// Everything that was found out.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) sections: Vec<Section>,
    /// Where pairs were measured.
    pub(crate) daemon: Option<Daemon>,
    /// A bare pair while programs are attached elsewhere, over the same while none is anywhere.
    pub(crate) hooks_elsewhere: Option<Figure>,
    pub(crate) scale: Option<Scale>,
    pub(crate) goals: Vec<Outcome>,
}

/// What the pairs of one part came to.
pub(crate) struct Section {
    pub(crate) part: Part,
    pub(crate) samples: Samples,
    pub(crate) costs: Vec<Cost>,
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
    /// Denials of pairs that may talk.
    pub(crate) denials: u32,
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    bench: Vec<Row>,
    hooks: Vec<&'a Cost>,
    daemon: Option<&'a Daemon>,
    bare_beside_hooks: Option<Figure>,
    scale: Option<&'a Scale>,
    goals: &'a [Outcome],
}

#[derive(Serialize)]
struct Row {
    part: Part,
    measure: Measure,
    setting: Setting,
    value: Figure,
    /// Of what its part compares with: nothing attached, or nothing recorded but denials.
    of_base: Option<Figure>,
    of_empty: Option<Figure>,
}

// === impl Report ===

impl Report {
    /// `{"version":1,"bench":[...],...}` and a newline.
    pub(crate) fn json(&self) -> serde_json::Result<String> {
        let rows = |section: &Section| -> Vec<Row> {
            let measures = section.part.measures().iter();
            measures.flat_map(|measure| section.rows(*measure)).collect()
        };
        let document = Document {
            version: 1,
            bench: self.sections.iter().flat_map(rows).collect(),
            hooks: self.sections.iter().flat_map(|section| &section.costs).collect(),
            daemon: self.daemon.as_ref(),
            bare_beside_hooks: self.hooks_elsewhere,
            scale: self.scale.as_ref(),
            goals: &self.goals,
        };
        Ok(serde_json::to_string(&document)? + "\n")
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        for section in &self.sections {
            section.table(&mut text);
            if section.part == Part::Loopback {
                let ratio = ratio(self.hooks_elsewhere);
                line(
                    &mut text,
                    &format!("bare beside hooks / bare alone, one thread: {ratio}"),
                );
                line(&mut text, "");
            }
        }
        if let Some(daemon) = &self.daemon {
            line(
                &mut text,
                &format!(
                    "daemon: ready in {:.0} ms, {:.1} MiB resident then, {:.1} MiB at the end",
                    daemon.ready_ms, daemon.memory_at_start_mib, daemon.memory_at_end_mib
                ),
            );
            line(&mut text, "");
        }
        if let Some(scale) = &self.scale {
            scale::tables(scale, &mut text);
        }
        for outcome in &self.goals {
            line(&mut text, &outcome_line(outcome));
        }
        text
    }
}

// === impl Section ===

impl Section {
    fn table(&self, text: &mut String) {
        let (runs, rounds) = self.samples.counts();
        line(text, &format!("=== {} ===", self.part.title()));
        line(
            text,
            &format!("{rounds} rounds in {runs} runs; median of the runs, smallest..largest run"),
        );
        for measure in self.part.measures() {
            line(text, "");
            let base = match self.part {
                Part::Records => "of denials only",
                _ => "of bare",
            };
            let head = format!("{:<28}{:>9}  {base:<18}  {:<18}", "", "value", "of empty");
            line(text, measure.title());
            line(text, head.trim_end());
            for row in self.rows(*measure) {
                line(text, row.text().trim_end());
            }
        }
        line(text, "");
        if !self.costs.is_empty() {
            self.hooks(text);
            line(text, "");
        }
    }

    fn rows(&self, measure: Measure) -> Vec<Row> {
        let row = |setting: &Setting| {
            let ratio = |base: Setting| {
                let ratio = self.samples.ratio(measure, *setting, base);
                ratio.filter(|_| *setting != base)
            };
            Some(Row {
                part: self.part,
                measure,
                setting: *setting,
                value: self.samples.value(measure, *setting)?,
                of_base: ratio(setting.base(self.part)),
                of_empty: ratio(Setting::Empty)
                    .filter(|_| matches!(setting, Setting::Constant | Setting::Protected)),
            })
        };
        self.part.settings().iter().filter_map(row).collect()
    }

    fn hooks(&self, text: &mut String) {
        let unit = self.part.unit().1;
        line(
            text,
            &format!("BPF programs, both ends of a {unit}, from the kernel's statistics"),
        );
        let of_unit = format!("ns {unit}");
        line(
            text,
            &format!("{:<28}{:>9}  {:>8}  {of_unit:>13}", "", "runs", "ns a run"),
        );
        for cost in &self.costs {
            let title = cost.setting.title();
            line(text, &format!("{title:<49}{:>13.0}", cost.total_ns));
            for hook in &cost.hooks {
                let total = hook.runs * hook.ns;
                line(
                    text,
                    &format!(
                        "  {:<26}{:>9.2}  {:>8.0}  {total:>13.0}",
                        hook.program, hook.runs, hook.ns
                    ),
                );
            }
            if let Some(above) = cost.above_empty_ns {
                line(
                    text,
                    &format!(
                        "{:<49}{:>13.0}  {:.0}..{:.0}",
                        "  above the empty programs", above.median, above.min, above.max
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
            ratio(self.of_base),
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
        "{}  {:<51} {:>7}: {:.3}",
        if outcome.pass { "PASS" } else { "MISS" },
        outcome.goal,
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
