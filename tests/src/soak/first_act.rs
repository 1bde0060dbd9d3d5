//! Containers whose first act is a connection: a static program, started as its own container's first process.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::{Progress, Report};
use crate::lab::Lab;
use crate::probe;

/// Small, and free of a dynamic linker, whose work would come before the first act.
const SOURCE: &str = include_str!("first_act.c");

/// (letter, network, address, port); the letter starts the container's name.
type Target = (char, &'static str, &'static str, &'static str);

/// A stranger on the host, and a protected one with other labels.
const FORBIDDEN: &[Target] = &[
    ('f', "host", "127.0.0.1", "7301"),
    ('f', "host", "127.0.0.1", "7303"),
    ('f', "bridge", "172.17.0.1", "7301"),
    ('f', "bridge", "172.17.0.1", "7303"),
];

/// One with the same labels.
const ALLOWED: &[Target] = &[
    ('a', "host", "127.0.0.1", "7302"),
    ('a', "bridge", "172.17.0.1", "7302"),
];

/// Of each kind at a time; each container starts twice, for the second start is announced longer before.
const BATCH: usize = 24;
const STARTS: usize = 2;
/// `docker start` one after the other, so many at once.
const HANDS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(30);

/// How a first act ended.
struct Act {
    name: String,
    errno: i32,
    /// From the first instruction to the answer of `connect`.
    ms: f64,
}

/// The folder that containers see as `/out`, with the program and what it writes.
struct Theatre {
    folder: tempfile::TempDir,
    seen: usize,
}

/// `rounds` starts of a container that may not connect, and as many that may.
pub(super) fn first_act(rounds: u32) -> Result<Report> {
    let lab = Lab::new()?;
    let mut theatre = Theatre::build()?;
    let mut report = Report::default();
    let (free, _) = beside(&lab, false, || {
        unprotected(&lab, &mut theatre, rounds.div_ceil(10))
    })?;
    let _daemon = lab.daemon(&[])?;
    let _stranger = probe::serve(&lab.host, "host", "tcp", "0.0.0.0:7301")?;
    for (name, label, address) in [
        ("friend", "app=hasty", "0.0.0.0:7302"),
        ("other", "app=other", "0.0.0.0:7303"),
    ] {
        let serve = ["curl", "cofferdam-probe", "serve", name, "tcp", address];
        let run = ["run", "-d", "--name", name, "--net=host", "-l", label];
        lab.engine.docker(&[&run[..], &serve].concat())?;
        super::load::wait_ready(&lab, name, 1)?;
    }
    let mut progress = Progress::new("first-act", rounds);
    let mut acts = Vec::new();
    let ((), churned) = beside(&lab, true, || {
        play(&lab, &mut theatre, rounds, &mut |round, new: Vec<Act>| {
            for act in new {
                report.note(round, act.right(), || act.words());
                acts.push(act);
            }
            progress.at(round, &report);
        })
    })?;
    report.figures.push(format!(
        "{churned} other containers came and went, the daemon was asked as often"
    ));
    report.rounds = rounds;
    figures(&mut report, &acts, free);
    Ok(report)
}

/// The same starts while nothing is protected.
fn unprotected(lab: &Lab, theatre: &mut Theatre, rounds: u32) -> Result<Vec<Act>> {
    let _server = probe::serve(&lab.host, "host", "tcp", "0.0.0.0:7302")?;
    let mut all = Vec::new();
    let names: Vec<String> = (0..rounds).map(|n| format!("u{n}")).collect();
    for names in names.chunks(BATCH) {
        let plan: Vec<_> = names
            .iter()
            .map(String::as_str)
            .zip(ALLOWED.iter().cycle())
            .collect();
        create(lab, theatre, &plan, &[])?;
        all.extend(start(lab, theatre, names)?);
        remove(lab, names)?;
    }
    ensure!(
        all.iter().all(|a| a.errno == 0),
        "unprotected containers do not connect"
    );
    Ok(all)
}

fn play(lab: &Lab, theatre: &mut Theatre, rounds: u32, each: &mut dyn FnMut(u32, Vec<Act>)) -> Result<()> {
    let mut started = 0;
    while started < rounds {
        let left = usize::try_from(rounds - started)?;
        let count = BATCH.min(left.div_ceil(STARTS));
        let kinds = |kind: &'static [Target]| kind.iter().cycle().take(count);
        let mut plan = Vec::new();
        for (number, target) in kinds(FORBIDDEN).chain(kinds(ALLOWED)).enumerate() {
            plan.push((format!("{}{started}-{number}", target.0), target));
        }
        let names: Vec<String> = plan.iter().map(|(name, _)| name.clone()).collect();
        let borrowed: Vec<_> = plan
            .iter()
            .map(|(name, target)| (name.as_str(), *target))
            .collect();
        create(lab, theatre, &borrowed, &["-l", "app=hasty"])?;
        for _ in 0..STARTS {
            each(started, start(lab, theatre, &names)?);
        }
        remove(lab, &names)?;
        started += u32::try_from(count * STARTS)?;
    }
    Ok(())
}

fn create(lab: &Lab, theatre: &Theatre, plan: &[(&str, &Target)], labels: &[&str]) -> Result<()> {
    let volume = format!("{}:/out", theatre.folder.path().display());
    in_parallel(plan, |(name, (_, network, address, port))| {
        let create = ["create", "--name", name, "--network", network, "-v", &volume];
        let act = ["curl", "/out/first-act", name, address, port];
        lab.engine.docker(&[&create[..], labels, &act].concat()).map(drop)
    })
}

/// Starts them, several at once, and waits for their acts.
fn start(lab: &Lab, theatre: &mut Theatre, names: &[String]) -> Result<Vec<Act>> {
    let hands: Vec<_> = names.chunks(names.len().div_ceil(HANDS)).collect();
    in_parallel(&hands, |names| {
        let args: Vec<&str> = ["start"]
            .into_iter()
            .chain(names.iter().map(String::as_str))
            .collect();
        lab.engine.docker(&args).map(drop)
    })?;
    let acts = theatre.acts(names.len())?;
    // What has not ended would not start again.
    let wait: Vec<&str> = ["wait"]
        .into_iter()
        .chain(names.iter().map(String::as_str))
        .collect();
    lab.engine.docker(&wait)?;
    Ok(acts)
}

fn remove(lab: &Lab, names: &[String]) -> Result<()> {
    let args: Vec<&str> = ["rm"]
        .into_iter()
        .chain(names.iter().map(String::as_str))
        .collect();
    lab.engine.docker(&args).map(drop)
}

fn in_parallel<T: Sync>(all: &[T], job: impl Fn(&T) -> Result<()> + Sync) -> Result<()> {
    thread::scope(|scope| {
        let job = &job;
        let share = all.len().div_ceil(HANDS).max(1);
        let hands: Vec<_> = all
            .chunks(share)
            .map(|share| scope.spawn(move || share.iter().try_for_each(job)))
            .collect();
        hands
            .into_iter()
            .try_for_each(|hand| hand.join().map_err(|_| anyhow!("a thread panicked"))?)
    })
}

/// Does the job while other containers come and go. Returns how many did.
fn beside<T>(lab: &Lab, daemon: bool, job: impl FnOnce() -> Result<T>) -> Result<(T, u32)> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let churn = scope.spawn(|| churn(lab, daemon, &stop));
        let done = job();
        stop.store(true, Ordering::Relaxed);
        let churned = churn.join().map_err(|_| anyhow!("the churn panicked"))?;
        Ok((done?, churned?))
    })
}

fn churn(lab: &Lab, daemon: bool, stop: &AtomicBool) -> Result<u32> {
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        let (name, label) = (format!("churn{count}"), format!("app=churn{}", count % 7));
        lab.engine.docker(&[
            "create", "--name", &name, "-l", &label, "-p", "9000", "curl", "true",
        ])?;
        if daemon {
            lab.json(&["ps"])?;
        }
        // With a daemon these are denials to be recorded.
        probe::attempt(&lab.host, probe::Kind::Tcp, "127.0.0.1:7302", 20)?;
        lab.engine.docker(&["rm", &name])?;
        count += 1;
    }
    Ok(count)
}

fn figures(report: &mut Report, acts: &[Act], free: Vec<Act>) {
    let mut refusals: BTreeMap<i32, usize> = BTreeMap::new();
    for act in acts.iter().filter(|a| a.name.starts_with('f')) {
        *refusals.entry(act.errno).or_default() += 1;
    }
    let refusals: Vec<String> = refusals
        .iter()
        .map(|(errno, count)| format!("{count} {}", std::io::Error::from_raw_os_error(*errno)))
        .collect();
    report.figures.push(format!("forbidden: {}", refusals.join(", ")));
    let allowed = || acts.iter().filter(|a| a.name.starts_with('a'));
    let reached = allowed().filter(|a| a.errno == 0).count();
    report
        .figures
        .push(format!("allowed: {reached} of {} connected", allowed().count()));
    let mut times: Vec<f64> = allowed().map(|a| a.ms).collect();
    report.times("first instruction to connected, protected", &mut times);
    let mut times: Vec<f64> = free.iter().map(|a| a.ms).collect();
    report.times("the same without protection", &mut times);
}

// === impl Act ===

impl Act {
    fn right(&self) -> bool {
        (self.errno == 0) == self.name.starts_with('a')
    }

    fn words(&self) -> String {
        let how = std::io::Error::from_raw_os_error(self.errno);
        format!("{}: {how} after {:.1} ms", self.name, self.ms)
    }
}

// === impl Theatre ===

impl Theatre {
    fn build() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let source = folder.path().join("first-act.c");
        fs::write(&source, SOURCE)?;
        let built = Command::new("cc")
            .args(["-O2", "-static", "-o"])
            .arg(folder.path().join("first-act"))
            .arg(&source)
            .status()
            .context("cc\nhint: cargo xtask setup")?;
        ensure!(
            built.success(),
            "cc cannot build a static program\nhint: cargo xtask setup"
        );
        fs::write(folder.path().join("acts"), "")?;
        Ok(Self { folder, seen: 0 })
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("acts")
    }

    /// Waits for so many new lines.
    fn acts(&mut self, count: usize) -> Result<Vec<Act>> {
        let start = Instant::now();
        loop {
            let new = lines(&self.file(), self.seen)?;
            if new.len() >= count {
                self.seen += new.len();
                return Ok(new);
            }
            if start.elapsed() > PATIENCE {
                bail!("{} of {count} containers wrote how they fared", new.len());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// `NAME ERRNO NANOSECONDS` a line, as `first_act.c` writes them.
fn lines(path: &Path, skip: usize) -> Result<Vec<Act>> {
    let text = fs::read_to_string(path)?;
    let parse = |line: &str| {
        let mut words = line.split(' ');
        Some(Act {
            name: words.next()?.to_string(),
            errno: words.next()?.parse().ok()?,
            ms: words.next()?.parse::<f64>().ok()? / 1e6,
        })
    };
    text.lines()
        .skip(skip)
        .map(|line| parse(line).with_context(|| format!("not what first-act writes: {line}")))
        .collect()
}
