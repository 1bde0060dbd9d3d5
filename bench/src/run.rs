//! The whole benchmark, in order: places, processes, rounds, statistics, verdict.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use cofferdam_datapath::Empty;

use crate::figures::{self, Figure};
use crate::filters;
use crate::goals;
use crate::hooks::{Cost, Statistics};
use crate::lab::Lab;
use crate::pair::{Pair, Process, Seat};
use crate::plan::{Measure, Setting};
use crate::product::{COFFERDAM, Product};
use crate::report::{Daemon, Report};
use crate::rounds::{self, Length};

/// What a user may choose.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Fewer rounds: under a minute, and a wider spread
    #[arg(long)]
    quick: bool,
    /// The cofferdam binary; the one beside this program if absent
    #[arg(long)]
    cofferdam: Option<PathBuf>,
}

const FULL: Length = Length {
    runs: 21,
    run: Duration::from_secs(13),
};
const QUICK: Length = Length {
    runs: 7,
    run: Duration::from_secs(6),
};

/// Rounds of `beside`, about 20 ms each.
const BESIDE_ROUNDS: usize = 60;

/// Everything that stays for the whole benchmark. Dropped in this order: processes before what they run in.
struct Stage {
    _queue: Process,
    _empty: Empty,
    product: Product,
    /// See `beside`.
    hooks_elsewhere: Option<Figure>,
    namespaces: BTreeMap<Setting, PathBuf>,
    lab: Lab,
}

/// Runs it and prints. `false` if a goal is missed.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    let binary = match &args.cofferdam {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("cofferdam"),
    };
    let stage = Stage::set(&binary)?;
    let samples = rounds::take(if args.quick { QUICK } else { FULL }, || stage.pairs())?;
    let costs = stage.costs()?;
    let memory = stage.product.memory()?;
    let daemon = Daemon {
        ready_ms: stage.product.ready.as_secs_f64() * 1000.0,
        memory_at_start_mib: stage.product.memory_at_start,
        memory_at_end_mib: memory,
    };
    let hooks_elsewhere = stage.hooks_elsewhere;
    drop(stage);
    let goals = goals::judge(&samples, Some(memory));
    let pass = goals.iter().all(|outcome| outcome.pass);
    let report = Report {
        samples,
        costs,
        daemon,
        hooks_elsewhere,
        goals,
    };
    print!("{}", if args.json { report.json()? } else { report.table() });
    Ok(pass)
}

// === impl Stage ===

impl Stage {
    fn set(binary: &Path) -> anyhow::Result<Self> {
        let lab = Lab::new()?;
        let host = lab.namespace("host")?;
        let hooks_elsewhere = beside(&lab, &host)?;
        let empty = attach(&lab)?;
        let product = Product::start(&lab, &host, binary)?;
        let mut namespaces = BTreeMap::new();
        for setting in [Setting::Nft10, Setting::Nft1000, Setting::Nfqueue] {
            namespaces.insert(setting, lab.namespace(setting.name())?);
        }
        for (setting, count) in [(Setting::Nft10, 10), (Setting::Nft1000, 1000)] {
            filters::nft(&lab, setting.name(), &namespaces[&setting], count).context("nft")?;
        }
        let queue = filters::nfqueue(&lab, &namespaces[&Setting::Nfqueue])?;
        for setting in [
            Setting::Bare,
            Setting::Empty,
            Setting::Unprotected,
            Setting::Protected,
        ] {
            namespaces.insert(setting, host.clone());
        }
        Ok(Self {
            _queue: queue,
            _empty: empty,
            hooks_elsewhere,
            product,
            namespaces,
            lab,
        })
    }

    fn pairs(&self) -> anyhow::Result<Vec<(Setting, Pair)>> {
        let pair = |(setting, netns): (&Setting, &PathBuf)| Ok((*setting, self.pair(*setting, netns)?));
        self.namespaces.iter().map(pair).collect()
    }

    fn pair(&self, setting: Setting, netns: &Path) -> anyhow::Result<Pair> {
        let seat = |end: &str| match setting {
            Setting::Protected => Ok(self.product.seat()),
            Setting::Unprotected => seat_in(&self.lab, &format!("{COFFERDAM}/unprotected/{end}")),
            _ => seat_in(&self.lab, &format!("{}/{end}", setting.name())),
        };
        Pair::start(
            &self.lab,
            setting.name(),
            netns,
            &seat("server")?,
            &seat("client")?,
        )
    }

    fn costs(&self) -> anyhow::Result<Vec<Cost>> {
        let statistics = Statistics::enable()?;
        let mut costs = Vec::new();
        for (setting, root) in [
            (Setting::Empty, Setting::Empty.name()),
            (Setting::Protected, COFFERDAM),
            (Setting::Unprotected, COFFERDAM),
        ] {
            let mut pair = self.pair(setting, &self.namespaces[&setting])?;
            costs.push(statistics.cost(setting, &mut pair, &self.lab.cgroup(root)?)?);
            pair.stop()?;
        }
        Ok(costs)
    }
}

fn seat_in(lab: &Lab, cgroup: &str) -> anyhow::Result<Seat> {
    Ok(Seat {
        prefix: Vec::new(),
        cgroup: Some(lab.cgroup(cgroup)?),
    })
}

/// The empty programs where Cofferdam's would be: socket hooks on the root, packet hooks on both workloads.
fn attach(lab: &Lab) -> anyhow::Result<Empty> {
    let root = lab.cgroup(Setting::Empty.name())?;
    let (server, client) = (root.join("server"), root.join("client"));
    for directory in [&server, &client] {
        std::fs::create_dir_all(directory)?;
    }
    Empty::attach(&root, &[&server, &client]).context("cannot attach the empty programs")
}

/// A bare pair while programs are attached to other cgroups, over the same pair while none is. The kernel switches
/// its hooks on for the whole machine, so this is what `bare` itself already pays, whoever attaches.
fn beside(lab: &Lab, netns: &Path) -> anyhow::Result<Option<Figure>> {
    let seat = |end: &str| seat_in(lab, &format!("{}/{end}", Setting::Bare.name()));
    let mut pair = Pair::start(lab, "alone", netns, &seat("server")?, &seat("client")?)?;
    let measure = Measure::Handshake;
    let mut ratios = Vec::new();
    for round in 0..BESIDE_ROUNDS {
        let mut times = [0.0; 2];
        for attached in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
            let _programs = (attached == 1).then(|| attach(lab)).transpose()?;
            #[expect(clippy::cast_precision_loss, reason = "53 bits hold any of these exactly")]
            let time = pair.measure(measure, measure.batch())? as f64;
            times[attached] = time;
        }
        ratios.push(times[1] / times[0]);
    }
    pair.stop()?;
    let runs = ratios
        .chunks(BESIDE_ROUNDS / 6)
        .filter_map(|chunk| figures::median(chunk.to_vec()));
    Ok(Figure::of(runs.collect()))
}
