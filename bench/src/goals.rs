//! What must hold. Pure; the thresholds are those that the project set itself, with the measures they bind.

use serde::Serialize;

use crate::figures::{Figure, Samples};
use crate::hooks::Cost;
use crate::plan::{Measure, Part, Setting};
use crate::scale::Scale;

#[cfg(test)]
mod tests;

/// A goal and what was seen.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    /// What is compared with what.
    pub(crate) goal: String,
    /// The limit, as it is read: `<= 1.02`.
    pub(crate) limit: String,
    /// What was measured; the spread is that of the runs.
    pub(crate) seen: Figure,
    /// Whether the median keeps the limit.
    pub(crate) pass: bool,
}

/// Most that a time may grow, over the base.
const UNPROTECTED: f64 = 1.02;
const PROTECTED: f64 = 1.05;
/// Least share of the bulk throughput that must be left.
const THROUGHPUT: f64 = 0.98;
/// Most of what NFQUEUE adds to a connection that the full proof may add.
const OF_NFQUEUE: f64 = 0.5;
/// Most that a connection may take with all of them recorded, over one of which nothing is.
const RECORDS: f64 = 1.02;
/// Most that a connection, and a request on one, may take on a loopback of one's own, over the host's.
const PRIVATE: f64 = 1.02;
/// Nanoseconds a connection that the programs of the full proof may take more than empty ones.
const PROOF_NS: f64 = 2000.0;
/// The same over what the empty ones take, which are 1.07 µs where that limit was set: the machine's own speed cancels.
const PROOF: f64 = 1.87;
/// Megabytes (2^20) of resident memory that the daemon stays below.
const MEMORY: f64 = 30.0;

/// Most that a verdict may take with the most rules, over that with the fewest.
const RULES: f64 = 1.1;
/// Milliseconds that the policies of 10,000 workloads take to compile.
const COMPILE: f64 = 2000.0;
/// Milliseconds that 99 of 100 changes take at most to their verdict, with 1,000 workloads.
const EFFECT: f64 = 50.0;
/// Milliseconds that 10,000 workloads' policies take into the kernel and back.
const APPLY: f64 = 1000.0;
/// From how many workloads on that is judged.
const MANY: u32 = 10_000;

/// Judges what was measured of one part but for [`scale`]. UDP has no goals yet.
pub(crate) fn judge(part: Part, samples: &Samples, costs: &[Cost]) -> Vec<Outcome> {
    match part {
        Part::Loopback => loopback(samples),
        Part::Veth => veth(samples, costs),
        Part::Records => records(samples),
        Part::Contain => contain(samples),
        Part::Udp | Part::Scale => Vec::new(),
    }
}

/// Judges the daemon's resident memory, in MiB.
pub(crate) fn memory(mebibytes: f64) -> Outcome {
    let seen = Figure {
        median: mebibytes,
        min: mebibytes,
        max: mebibytes,
    };
    Outcome::below("daemon's resident memory, MiB".to_owned(), MEMORY, seen)
}

/// Judges how soon a change counts, and how long many take.
pub(crate) fn scale(scale: &Scale) -> Vec<Outcome> {
    let seen = |median: f64, max: f64| Figure {
        median,
        min: median,
        max,
    };
    let effects = scale.effects.effects.iter().map(|effect| {
        let loaded = if effect.loaded { ", busy host" } else { "" };
        let goal = format!("scale: {} to verdict{loaded}, p99 ms", effect.change.title());
        Outcome::below(goal, EFFECT, seen(effect.times.p99, effect.times.most))
    });
    let many = scale.applies.iter().filter(|apply| apply.workloads >= MANY);
    let applies = many.map(|apply| {
        let most = apply.first_ms.max(apply.other_ms);
        let goal = format!("scale: policies of {} workloads applied, ms", apply.workloads);
        Outcome::below(goal, APPLY, seen(most, most))
    });
    let rules = scale.rules.first().zip(scale.rules.last()).map(|(few, many)| {
        let goal = format!("scale: verdict with {} rules / with {}", many.rules, few.rules);
        Outcome::at_most(goal, RULES, seen(many.ns / few.ns, many.ns / few.ns))
    });
    let many = scale.compilations.iter().filter(|one| one.workloads >= MANY);
    let compilations = many.map(|one| {
        let goal = format!("scale: policies of {} workloads compiled, ms", one.workloads);
        Outcome::below(goal, COMPILE, seen(one.compile_ms, one.compile_ms))
    });
    rules
        .into_iter()
        .chain(compilations)
        .chain(effects)
        .chain(applies)
        .collect()
}

/// Judges how many denials there were, where every pair may talk.
pub(crate) fn denials(count: u32) -> Outcome {
    let count = f64::from(count);
    let seen = Figure {
        median: count,
        min: count,
        max: count,
    };
    Outcome::at_most("denials of pairs that may talk".to_owned(), 0.0, seen)
}

fn records(samples: &Samples) -> Vec<Outcome> {
    let pairs = [
        (Setting::Protected, Setting::Unrecorded),
        (Setting::Visitor, Setting::VisitorUnrecorded),
    ];
    pairs
        .into_iter()
        .filter_map(|(setting, base)| {
            let wanted = (Measure::Sustained, setting, base);
            time(Part::Records, samples, wanted, RECORDS)
        })
        .collect()
}

fn contain(samples: &Samples) -> Vec<Outcome> {
    let (setting, base) = (Setting::Private, Setting::Shared);
    let times = [Measure::Connect, Measure::Rate, Measure::Ping].into_iter();
    times
        .filter_map(|measure| time(Part::Contain, samples, (measure, setting, base), PRIVATE))
        .chain(throughput(Part::Contain, samples, (setting, base)))
        .collect()
}

fn loopback(samples: &Samples) -> Vec<Outcome> {
    let times = [
        (Setting::Unprotected, Setting::Bare, UNPROTECTED),
        (Setting::Protected, Setting::Empty, PROTECTED),
    ];
    let times = times.into_iter().flat_map(|(setting, base, limit)| {
        [Measure::Connect, Measure::Rate, Measure::Ping]
            .into_iter()
            .filter_map(move |measure| time(Part::Loopback, samples, (measure, setting, base), limit))
    });
    let bulk = [Setting::Unprotected, Setting::Protected]
        .into_iter()
        .filter_map(|setting| throughput(Part::Loopback, samples, (setting, Setting::Bare)));
    times.chain(bulk).collect()
}

fn veth(samples: &Samples, costs: &[Cost]) -> Vec<Outcome> {
    let part = Part::Veth;
    let connect = (Measure::Connect, Setting::Protected, Setting::Empty);
    // An option that proves nothing takes nearly all that the limit leaves over the empty programs: what is ours beside it.
    let beside = (Measure::Connect, Setting::Protected, Setting::Constant);
    let added = samples.added(
        Measure::Connect,
        Setting::Protected,
        Setting::Nfqueue,
        Setting::Bare,
    );
    let goal = "veth: added to connect, of what NFQUEUE adds";
    let cost = |setting| costs.iter().find(|cost| cost.setting == setting);
    let above = cost(Setting::Protected).and_then(|cost| cost.above_empty_ns);
    let empty = cost(Setting::Empty).map(|cost| cost.total_ns);
    let proof_ns = "veth: program ns a connection above empty";
    let proof = "veth: program time above empty / empty";
    [
        above.map(|seen| Outcome::at_most(proof_ns.to_owned(), PROOF_NS, seen)),
        above
            .zip(empty)
            .map(|(above, empty)| Outcome::at_most(proof.to_owned(), PROOF, above.over(empty))),
        time(part, samples, connect, PROTECTED),
        time(part, samples, beside, PROTECTED),
        added.map(|seen| Outcome::below(goal.to_owned(), OF_NFQUEUE, seen)),
        throughput(part, samples, (Setting::Protected, Setting::Bare)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A rate is turned round, so that more is worse for every measure.
fn time(
    part: Part,
    samples: &Samples,
    (measure, setting, base): (Measure, Setting, Setting),
    limit: f64,
) -> Option<Outcome> {
    let seen = if measure.is_time() {
        samples.ratio(measure, setting, base)
    } else {
        samples.ratio(measure, base, setting)
    };
    let (part, setting, base) = (part.name(), setting.name(), base.name());
    let goal = format!("{part}: {setting} / {base}, time of {}", measure.word());
    Some(Outcome::at_most(goal, limit, seen?))
}

fn throughput(part: Part, samples: &Samples, (setting, base): (Setting, Setting)) -> Option<Outcome> {
    let seen = samples.ratio(Measure::Bulk, setting, base)?;
    Some(Outcome {
        goal: format!(
            "{}: {} / {}, bulk throughput",
            part.name(),
            setting.name(),
            base.name()
        ),
        limit: format!(">= {THROUGHPUT}"),
        pass: seen.median >= THROUGHPUT,
        seen,
    })
}

// === impl Outcome ===

impl Outcome {
    fn at_most(goal: String, limit: f64, seen: Figure) -> Self {
        Self {
            goal,
            limit: format!("<= {limit}"),
            pass: seen.median <= limit,
            seen,
        }
    }

    fn below(goal: String, limit: f64, seen: Figure) -> Self {
        Self {
            goal,
            limit: format!("< {limit}"),
            pass: seen.median < limit,
            seen,
        }
    }
}
