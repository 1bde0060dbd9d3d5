//! A policy file that changes over and over, and everything it is about, tried without end.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::load::{Load, daemon_answers, serve_all, streams};
use super::{Progress, Report};
use crate::lab::{Daemon, Lab};

const TEMPLATE: &str = include_str!("policies.yaml");
/// How many policies the template holds: a line that ends in `#@0,2` stands in the first and the third.
const CYCLE: u32 = 4;
const FILE: &str = "swapped.yaml";
/// How many documents of it.
const DOCUMENTS: usize = 8;
/// Every kind of attempt; those that are new each time; those of a connected socket.
const ALL: &[&str] = &["tcp", "udp", "sendto", "flow", "uflow"];
const NEW: &[&str] = &["tcp", "udp", "sendto"];
const OPEN: &[&str] = &["tcp", "udp"];
const PORTS: [u16; 5] = [7600, 7601, 7602, 7603, 7604];
/// How long each policy stays: longer than the clients rest, so that each tries under it.
const STAY: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(10);

/// The swaps, and the daemon that is asked about them.
struct Swaps<'l> {
    lab: &'l Lab,
    file: PathBuf,
}

/// Each round is one swap, in every second one the daemon is told, in the others it hears by itself. While one goes on
/// its old verdict and its new one are right; from the moment when the daemon says that it is in force, only the new one.
pub(super) fn policies(rounds: u32) -> Result<Report> {
    let lab = Lab::new()?;
    forget_soon(&lab)?;
    let daemon = lab.daemon(&[])?;
    let swaps = Swaps::new(&lab);
    swaps.swap(0, true)?;
    serve_all(&lab, "api", &["--net=host", "-l", "app=api"], &PORTS)?;
    serve_all(&lab, "store", &["-l", "app=store"], &PORTS)?;
    let mut load = Load::start(&lab)?;
    let turn = load.cycle()?;
    clients(&lab, &mut load)?;
    let applied = swaps.applied(&daemon);
    let mut report = Report::default();
    let mut progress = Progress::new("policies", rounds);
    let mut times = [Vec::new(), Vec::new()];
    let start = Instant::now();
    for round in 0..rounds {
        let told = round % 2 == 0;
        turn.set(u64::from(round) * 2 + 1)?;
        times[usize::from(told)].push(swaps.swap(round + 1, told)?.as_secs_f64() * 1000.0);
        turn.set(u64::from(round) * 2 + 2)?;
        thread::sleep(STAY);
        let wrong = (round % 100 == 99).then(|| load.so_far()).transpose()?;
        report.note(round, wrong.is_none_or(|tally| tally.wrong == 0), || {
            "wrong under load; the words are at the end".to_string()
        });
        progress.at(round, &report);
    }
    let seconds = start.elapsed().as_secs_f64();
    daemon_answers(&lab)?;
    let applied = swaps.applied(&daemon) - applied;
    report.note(rounds - 1, applied == rounds as usize, || {
        format!("{applied} swaps were applied of {rounds}")
    });
    report.load(&load.stop()?);
    report.figures.push(format!(
        "{:.1} swaps a second, {applied} applied one by one",
        f64::from(rounds) / seconds
    ));
    let [heard, told] = &mut times;
    report.times("from rename to in force, the daemon told", told);
    report.times(
        "from rename to in force, by the watch, asked every millisecond",
        heard,
    );
    Ok(report)
}

/// Some thousand exchanges a second fill the table of tracked connections in half a minute, and what finds no room there is
/// dropped, or refused with the errno of a denial.
fn forget_soon(lab: &Lab) -> Result<()> {
    let set = "cd /proc/sys/net/netfilter || exit 0; for time in nf_conntrack_udp_timeout nf_conntrack_udp_timeout_stream \
               nf_conntrack_tcp_timeout_time_wait nf_conntrack_tcp_timeout_close_wait; do echo 3 > $time || exit 1; done";
    lab.host.must("sh", &["-c", set]).map(drop)
}

/// Who tries what. Port 7604 is forbidden where it comes in or where it leaves, by turns: in no instant by neither.
fn clients(lab: &Lab, load: &mut Load) -> Result<()> {
    let template = "{{.NetworkSettings.IPAddress}}";
    let store = lab.engine.docker(&["inspect", "-f", template, "store"])?;
    let to = |address: &str, port: u16, kinds: &[&str], expect: &str| {
        streams(kinds, &format!("{address}:{port}"), expect)
    };
    let web = |api: &str| {
        [
            to(api, 7600, ALL, "api"),
            to(api, 7601, NEW, "api@1100"),
            to(api, 7602, OPEN, "-"),
            to(api, 7604, NEW, "-"),
            to(&store, 7600, &["tcp", "udp", "flow"], "store"),
            to(&store, 7601, OPEN, "store@1001"),
            to(&store, 7602, OPEN, "-"),
            to(&store, 7604, NEW, "-"),
        ]
        .concat()
    };
    let batch = [
        to("172.17.0.1", 7600, OPEN, "api@0110"),
        to(&store, 7601, OPEN, "store"),
        to(&store, 7603, OPEN, "-"),
    ];
    let cron = [
        to(&store, 7602, OPEN, "store@0110"),
        to(&store, 7600, OPEN, "-"),
        to("127.0.0.1", 7603, NEW, "api@1010"),
        to("127.0.0.1", 7600, NEW, "-"),
    ];
    let host = [
        to("127.0.0.1", 7603, NEW, "api@1010"),
        to("127.0.0.1", 7600, NEW, "-"),
        // No datagrams: where a policy is about addresses, those of a stranger whose port was a workload's five seconds before
        // pass for that one's (docs/known-limits.md).
        to(&store, 7602, &["tcp"], "store@0011"),
        to(&store, 7600, &["tcp"], "-"),
    ];
    load.add(lab, &("web", &["--net=host", "-l", "app=web"], web("127.0.0.1")))?;
    load.add(lab, &("far", &["-l", "app=web"], web("172.17.0.1")))?;
    load.add(lab, &("batch", &["-l", "app=batch"], batch.concat()))?;
    load.add(lab, &("cron", &["--net=host", "-l", "app=cron"], cron.concat()))?;
    load.add(lab, &("bare", &[], host.concat()))?;
    load.process(lab, "tool", &["run", "--label", "app=web"], &web("127.0.0.1"))
}

// === impl Swaps ===

impl<'l> Swaps<'l> {
    fn new(lab: &'l Lab) -> Self {
        Self {
            lab,
            file: lab.paths.policies.join(FILE),
        }
    }

    /// Puts a policy of the cycle in place of the one before, and waits until the daemon says that it is in force; how long
    /// that took.
    fn swap(&self, number: u32, told: bool) -> Result<Duration> {
        // No two are the same, so that the answer says which one it is about.
        let mark = format!("# swap {number} ");
        let beside = self.file.with_file_name(".swapped");
        fs::write(&beside, format!("{mark}\n{}", policy(number % CYCLE)))?;
        let start = Instant::now();
        fs::rename(&beside, &self.file)?;
        while start.elapsed() < PATIENCE {
            let answer = if told {
                self.ask("POST", "/reload", &format!("{{\"files\":[\"{FILE}\"]}}"))?
            } else {
                self.ask("GET", "", "")?
            };
            if answer.contains(&mark) {
                ensure!(
                    answer.contains("\"mistakes\":[]"),
                    "the daemon refused it: {answer}"
                );
                return Ok(start.elapsed());
            }
            ensure!(!told, "the daemon did not read it: {answer}");
            thread::sleep(Duration::from_millis(1));
        }
        anyhow::bail!("swap {number} never came into force")
    }

    /// One request about policies, and the answer with its head. The command line would start a process each time.
    fn ask(&self, method: &str, route: &str, body: &str) -> Result<String> {
        let mut stream =
            UnixStream::connect(self.lab.paths.socket()).context("the daemon does not answer")?;
        write!(
            stream,
            "{method} /v1/policies{route} HTTP/1.1\r\nhost: cofferdam\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        ensure!(
            answer.starts_with("HTTP/1.1 200 "),
            "the daemon answered: {answer}"
        );
        Ok(answer)
    }

    /// How often the daemon has said that it put the file into force.
    fn applied(&self, daemon: &Daemon) -> usize {
        let line = format!("{}: {DOCUMENTS} policies are in force", path(&self.file));
        daemon.log().matches(&line).count()
    }
}

fn path(file: &Path) -> String {
    file.display().to_string()
}

/// One policy of the template.
fn policy(number: u32) -> String {
    let line = |line: &str| match line.split_once("#@") {
        None => Some(format!("{line}\n")),
        Some((text, policies)) => {
            let stands = policies.split(',').any(|one| one.trim() == number.to_string());
            stands.then(|| format!("{}\n", text.trim_end()))
        }
    };
    TEMPLATE.lines().filter_map(line).collect()
}
