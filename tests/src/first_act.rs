//! Containers whose first act is a connection, started while the daemon has no time for them.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lab::Lab;
use crate::probe;

/// How the starts ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Starts of a container.
    pub starts: usize,
    /// Those that reached somebody.
    pub connected: usize,
    /// Those whose first connection was refused.
    pub refused: usize,
    /// Those whose first SYN was dropped: their labels were not known yet.
    pub dropped: usize,
}

const PROGRAM: &str = include_str!("first_act.c");
/// What `first_act.c` connects to.
const SERVER: &str = "127.0.0.1:7301";
const CONNECTED: i32 = 100;
const EPERM: i32 = 1;
const ECONNABORTED: i32 = 103;
const EINPROGRESS: i32 = 115;

/// `docker` commands at once, each for some of the containers.
const AT_ONCE: usize = 4;
/// The daemon is frozen for most of the time: nothing that it does after a start comes in time.
const FROZEN: Duration = Duration::from_millis(400);
const AWAKE: Duration = Duration::from_millis(100);

/// Starts `containers` labelled containers in host mode `times` each, while the daemon is mostly frozen, and new processes
/// make it compile a policy whenever it is awake.
pub fn run(lab: &Lab, daemon: u32, containers: usize, times: usize) -> Result<Counts> {
    let program = compile(lab)?;
    let _server = probe::serve(&lab.host, "host", "tcp", SERVER)?;
    ensure!(
        starts(lab, &program, &names("control", 1), None, 1)?.connected == 1,
        "an unlabelled container does not reach the server either"
    );
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let freezer = scope.spawn(|| freeze(daemon, &done));
        let worker = scope.spawn(|| keep_busy(lab, &done));
        let counts = in_parallel(lab, &program, containers, times);
        done.store(true, Ordering::Relaxed);
        let busy = [freezer, worker].map(thread::ScopedJoinHandle::join);
        for one in busy {
            one.map_err(|_| anyhow!("a thread that keeps the daemon busy panicked"))??;
        }
        counts
    })
}

fn in_parallel(lab: &Lab, program: &str, containers: usize, times: usize) -> Result<Counts> {
    thread::scope(|scope| {
        let share = containers.div_ceil(AT_ONCE);
        let shares = (0..AT_ONCE).map(|at| (at, share.min(containers.saturating_sub(at * share))));
        let shares = shares.filter(|(_, share)| *share > 0);
        let threads: Vec<_> = shares
            .map(|(at, share)| {
                let names = names(&format!("hasty{at}"), share);
                scope.spawn(move || starts(lab, program, &names, Some("app=hasty"), times))
            })
            .collect();
        let mut sum = Counts::default();
        for one in threads {
            let counts = one.join().map_err(|_| anyhow!("a thread panicked"))??;
            sum.starts += counts.starts;
            sum.connected += counts.connected;
            sum.refused += counts.refused;
            sum.dropped += counts.dropped;
        }
        Ok(sum)
    })
}

/// A static program: no linker and no library runs before it.
fn compile(lab: &Lab) -> Result<String> {
    let source = lab.paths.state.join("first_act.c");
    let program = lab.paths.state.join("first_act");
    fs::write(&source, PROGRAM)?;
    let made = Command::new("cc")
        .args(["-static", "-O2", "-o"])
        .args([&program, &source])
        .status()
        .context("cc\nhint: cargo xtask setup")?;
    ensure!(made.success(), "cc cannot make a static program");
    Ok(program.display().to_string())
}

/// Makes and starts containers in one go, so that nobody had time to hear of them; then starts them again.
fn starts(lab: &Lab, program: &str, names: &[String], label: Option<&str>, times: usize) -> Result<Counts> {
    let mount = format!("{program}:/first_act:ro");
    let mut counts = Counts::default();
    for name in names {
        let mut args = vec!["run", "-d", "--name", name, "--net=host", "-v", &mount];
        args.extend(label.into_iter().flat_map(|label| ["-l", label]));
        args.extend(["curl", "/first_act"]);
        lab.engine.docker(&args)?;
    }
    counts.wait_for(lab, names)?;
    for _ in 1..times {
        for some in names.chunks(5) {
            lab.engine.docker(&words("start", some))?;
            counts.wait_for(lab, some)?;
        }
    }
    Ok(counts)
}

fn words<'a>(command: &'a str, names: &'a [String]) -> Vec<&'a str> {
    [command]
        .into_iter()
        .chain(names.iter().map(String::as_str))
        .collect()
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}-{number}")).collect()
}

fn freeze(daemon: u32, done: &AtomicBool) -> Result<()> {
    let daemon = Pid::from_raw(i32::try_from(daemon)?);
    while !done.load(Ordering::Relaxed) {
        kill(daemon, Signal::SIGSTOP)?;
        thread::sleep(FROZEN);
        kill(daemon, Signal::SIGCONT)?;
        thread::sleep(AWAKE);
    }
    Ok(())
}

/// Each is a new workload: a policy to compile and to apply.
fn keep_busy(lab: &Lab, done: &AtomicBool) -> Result<()> {
    for number in 0_u32.. {
        if done.load(Ordering::Relaxed) {
            break;
        }
        lab.run(&["--label", &format!("app=busy{number}")], &["true"])?
            .ok()?;
    }
    Ok(())
}

// === impl Counts ===

impl Counts {
    /// Waits until they have ended.
    fn wait_for(&mut self, lab: &Lab, names: &[String]) -> Result<()> {
        let codes = lab.engine.docker(&words("wait", names))?;
        ensure!(codes.lines().count() == names.len(), "docker wait says: {codes}");
        for code in codes.lines() {
            self.note(code.trim().parse()?)?;
        }
        Ok(())
    }

    fn note(&mut self, code: i32) -> Result<()> {
        self.starts += 1;
        match code {
            CONNECTED => self.connected += 1,
            // What waited for its SYN to be sent again when the labels came was ended by the daemon.
            EPERM | ECONNABORTED => self.refused += 1,
            EINPROGRESS => self.dropped += 1,
            other => {
                return Err(anyhow!(
                    "a first act ended with {other}, which is neither reached nor denied"
                ));
            }
        }
        Ok(())
    }
}
