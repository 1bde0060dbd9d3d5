//! A burst of new connections, more than the ring holds: every verdict is right, and every connection is in a record or
//! counted as lost.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, sysconf};

use super::load::{daemon_answers, serve};
use super::{Progress, Report};
use crate::binaries;
use crate::lab::{Daemon, Lab};
use crate::probe::Burst;

/// New connections of a burst, over all clients.
const CONNECTIONS: u32 = 50_000;
/// At a time, each client.
const AT_A_TIME: u32 = 8;
/// Who calls: name, `docker run`'s arguments (none: a process of the host), port of the server, whether it may.
const CLIENTS: [(&str, &[&str], u16, bool); 4] = [
    ("peer", &["--net=host", "-l", "app=a"], SAME, true),
    ("guest", &["--net=host", "-l", "app=x"], SAME, false),
    ("shut", &[], SAME, false),
    ("visitor", &[], OPEN, true),
];
/// The server for those with its labels, and the one that is open to the host.
const SAME: u16 = 7402;
const OPEN: u16 = 7406;

/// What the daemon may take of memory at most, and how much more with each burst once the first is over.
const MOST_KIB: u64 = 96 << 10;
const MORE_KIB: u64 = 16 << 10;
/// Longer than equal records are one.
const FOLDED: Duration = Duration::from_millis(1100);
/// How long it may take until all is recorded.
const SETTLED: Duration = Duration::from_secs(20);

/// Each round is a burst; in every second one the daemon is held still, so that the ring overflows.
pub(super) fn burst(rounds: u32) -> Result<Report> {
    let lab = Lab::new()?;
    let daemon = lab.daemon(&[])?;
    serve(&lab, "same", &["--net=host", "-l", "app=a"], SAME)?;
    let open = ["--net=host", "-l", "app=open", "-l", "cofferdam.ingress=host"];
    serve(&lab, "open", &open, OPEN)?;
    for (name, docker, ..) in CLIENTS.iter().filter(|client| !client.1.is_empty()) {
        let start = ["run", "-dit", "--name", name];
        lab.engine.docker(&[&start[..], docker, &["curl"]].concat())?;
    }
    let mut report = Report::default();
    let mut progress = Progress::new("burst", rounds);
    let mut costs: Vec<Cost> = Vec::new();
    for round in 0..rounds {
        let cost = one(&lab, &daemon, round, &mut report)?;
        let first = costs.first().unwrap_or(&cost).resident_kib;
        let most = MOST_KIB.min(first + MORE_KIB);
        report.note(round, cost.resident_kib <= most, || {
            format!(
                "{} KiB resident, {first} after the first burst",
                cost.resident_kib
            )
        });
        report.note(round, cost.cpu_ms <= cost.taken_ms, || {
            format!(
                "{} ms of CPU time for a burst of {} ms",
                cost.cpu_ms, cost.taken_ms
            )
        });
        costs.push(cost);
        progress.at(round, &report);
    }
    let mut taken: Vec<f64> = costs.iter().map(|cost| cost.taken_ms).collect();
    report.times(&format!("a burst of {CONNECTIONS} connections"), &mut taken);
    let mut used: Vec<f64> = costs.iter().map(|cost| cost.cpu_ms).collect();
    report.times("CPU time of the daemon for one", &mut used);
    let most = costs.iter().map(|cost| cost.resident_kib).max().unwrap_or(0);
    let lost: u64 = costs.iter().map(|cost| cost.lost).sum();
    report.figures.extend([
        format!("the daemon's resident memory at most {most} KiB"),
        format!("{lost} records were lost while the daemon was held, each of them counted"),
    ]);
    Ok(report)
}

/// What one burst cost the daemon.
struct Cost {
    taken_ms: f64,
    cpu_ms: f64,
    resident_kib: u64,
    lost: u64,
}

fn one(lab: &Lab, daemon: &Daemon, round: u32, report: &mut Report) -> Result<Cost> {
    // A record of the last burst takes up what equals it within a second, and would be counted twice.
    thread::sleep(FOLDED);
    let before = Seen::now(lab, daemon)?;
    let since = Timestamp::now();
    let held = round % 2 == 1;
    let start = Instant::now();
    let bursts = with_daemon(daemon, held, || burst_of(lab))?;
    let taken_ms = start.elapsed().as_secs_f64() * 1000.0;
    judge(report, round, &bursts);
    let (after, recorded) = settle(lab, daemon, &since, before.lost)?;
    let lost = after.lost - before.lost;
    report.note(round, recorded + lost == u64::from(CONNECTIONS), || {
        format!("{recorded} recorded and {lost} lost of {CONNECTIONS}")
    });
    report.note(round, !held || lost > 0, || {
        "the ring overflowed and nothing is counted".to_owned()
    });
    Ok(Cost {
        taken_ms,
        cpu_ms: (after.cpu - before.cpu).as_secs_f64() * 1000.0,
        resident_kib: after.resident_kib,
        lost,
    })
}

/// What the daemon used up to now, and what was lost.
struct Seen {
    cpu: Duration,
    resident_kib: u64,
    lost: u64,
}

// === impl Seen ===

impl Seen {
    fn now(lab: &Lab, daemon: &Daemon) -> Result<Self> {
        let pid = daemon.pid();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        // utime and stime are the 14th and the 15th field; the name is the second.
        let ticks = after_name.split_whitespace().skip(11).take(2);
        let ticks = ticks.map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        let a_second = sysconf(SysconfVar::CLK_TCK)?.context("no clock tick")?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let high = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let resident = high.and_then(|text| text.split_whitespace().next());
        let losses = &daemon_answers(lab)?["losses"];
        let lost = losses["flows"].as_u64().context("no losses")?;
        Ok(Self {
            cpu: Duration::from_millis(ticks * 1000 / u64::try_from(a_second)?),
            resident_kib: resident.context("no VmHWM")?.parse()?,
            lost,
        })
    }
}

/// The daemon goes on whatever becomes of the work.
fn with_daemon<T>(daemon: &Daemon, held: bool, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let pid = Pid::from_raw(i32::try_from(daemon.pid())?);
    if held {
        kill(pid, Signal::SIGSTOP).context("cannot hold the daemon")?;
    }
    let done = work();
    if held {
        kill(pid, Signal::SIGCONT).context("cannot let the daemon go on")?;
    }
    done
}

/// All clients at once.
fn burst_of(lab: &Lab) -> Result<Vec<Burst>> {
    let each = CONNECTIONS / u32::try_from(CLIENTS.len())?;
    thread::scope(|scope| {
        let all: Vec<_> = CLIENTS
            .iter()
            .map(|(name, docker, port, _)| {
                scope.spawn(move || {
                    let words = [
                        "burst",
                        &format!("127.0.0.1:{port}"),
                        &each.to_string(),
                        &AT_A_TIME.to_string(),
                    ]
                    .map(String::from);
                    let said = if docker.is_empty() {
                        lab.host.must(binaries::probe()?, &words)?
                    } else {
                        let exec = ["exec", name, "cofferdam-probe"];
                        let words = words.iter().map(String::as_str);
                        lab.engine
                            .docker(&exec.into_iter().chain(words).collect::<Vec<_>>())?
                    };
                    serde_json::from_str(&said).with_context(|| format!("not a burst: {said}"))
                })
            })
            .collect();
        all.into_iter()
            .map(|one| one.join().unwrap_or_else(|_| bail!("a client panicked")))
            .collect()
    })
}

fn judge(report: &mut Report, round: u32, bursts: &[Burst]) {
    let each = bursts.iter().zip(&CLIENTS);
    for (burst, (name, .., may)) in each {
        let right = if *may { burst.answered } else { burst.refused };
        let all = burst.answered + burst.refused + burst.other;
        report.note(round, right == all && all > 0, || format!("{name}: {burst:?}"));
    }
}

/// Waits until the daemon has recorded what it will, and counts.
fn settle(lab: &Lab, daemon: &Daemon, since: &Timestamp, lost_before: u64) -> Result<(Seen, u64)> {
    let start = Instant::now();
    loop {
        let recorded = recorded(lab, since)?;
        let seen = Seen::now(lab, daemon)?;
        let told = recorded + seen.lost - lost_before;
        if told >= u64::from(CONNECTIONS) || start.elapsed() > SETTLED {
            return Ok((seen, recorded));
        }
        thread::sleep(Duration::from_millis(200));
    }
}

/// Connections in the records since then.
fn recorded(lab: &Lab, since: &Timestamp) -> Result<u64> {
    let mut count = 0;
    for port in [SAME, OPEN] {
        let (since, port) = (since.to_string(), port.to_string());
        let asked = ["flows", "--since", &since, "--port", &port, "--limit", "0"];
        let answer = lab.json(&asked)?;
        let flows = answer["flows"].as_array().context("no flows")?;
        ensure!(flows.len() < 10_000, "records are not folded");
        count += flows
            .iter()
            .filter_map(|flow| flow["repeats"].as_u64())
            .sum::<u64>();
    }
    Ok(count)
}
