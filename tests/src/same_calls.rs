//! What strangers see of the product: nothing. Programs run under strace with and without it, and their traces are compared call
//! by call: which calls they make, with what, and what comes of each.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::lab::{Lab, Place};

mod table;

pub use table::PROGRAMS;

/// A program that strangers run.
pub struct Program {
    /// What it is called.
    pub name: &'static str,
    /// Files for it, by their names in its folder.
    pub files: &'static [(&'static str, &'static str)],
    /// Run once in its folder, before it is ever traced.
    pub prepare: &'static str,
    /// What serves, until the last step ends it; none for a program that ends by itself.
    pub server: Option<Server>,
    /// What is traced, one after the other.
    pub steps: &'static [Step],
}

/// The part of a program that serves.
pub struct Server {
    /// Its command line.
    pub command: &'static str,
    /// Once it listens here and the command below succeeds it is used.
    pub port: u16,
    /// What succeeds once it serves.
    pub ready: &'static str,
    /// Which of its calls depend on nothing but what it is asked, as strace's `-e trace=` wants them.
    pub calls: &'static str,
    /// What ends it, if the last step did not.
    pub stop: &'static str,
}

/// One command.
pub struct Step {
    /// Its command line, in the program's folder.
    pub command: &'static str,
    /// So many processes of the server have ended before the next step.
    pub ended: usize,
}

/// The calls of each process of one command, in the order in which they were born.
type Trace = Vec<Vec<String>>;

/// What a program did: the trace of each command by its name.
pub type Traces = Vec<(String, Trace)>;

/// Everything but what the clock, chance, the machine's memory and the pace of others decide: curl ignores SIGPIPE anew whenever
/// it looks for something to read.
pub const ALL: &str = "!%memory,getrandom,sysinfo,futex,poll,epoll_wait,getpid,getppid,gettid,restart_syscall,rt_sigaction,pread64,pwrite64";

/// What a call gave that gives a piece of a stream.
const SOME: &str = "SOME";

const PATIENCE: Duration = Duration::from_secs(20);

/// The calls that everybody's hooks are in the way of, as C.
const SOURCES: [(&str, &str); 3] = [
    ("sockets.h", include_str!("same_calls/sockets.h")),
    ("inet.c", include_str!("same_calls/inet.c")),
    ("other.c", include_str!("same_calls/other.c")),
];

/// Makes the program of the table that is ours, in this folder.
pub fn compile(folder: &Path) -> Result<()> {
    for (name, text) in SOURCES {
        fs::write(folder.join(name), text)?;
    }
    let made = Command::new("cc")
        .args(["-static", "-O2", "-w", "-o", "calls", "inet.c", "other.c"])
        .current_dir(folder)
        .status()
        .context("cc\nhint: cargo xtask setup")?;
    ensure!(made.success(), "cc cannot make a static program");
    Ok(())
}

/// The first call that differs, with those before it; none if all are the same.
pub fn difference(before: &Traces, after: &Traces) -> Option<String> {
    let names = |traces: &Traces| traces.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    if names(before) != names(after) {
        return Some(format!("{:?} ran, then {:?}", names(before), names(after)));
    }
    before
        .iter()
        .zip(after)
        .find_map(|((name, before), (_, after))| differs(before, after).map(|text| format!("{name}: {text}")))
}

fn differs(before: &Trace, after: &Trace) -> Option<String> {
    if before.len() != after.len() {
        return Some(format!("{} processes, then {}", before.len(), after.len()));
    }
    for (number, (before, after)) in before.iter().zip(after).enumerate() {
        let same = before
            .iter()
            .zip(after)
            .take_while(|(one, other)| one == other)
            .count();
        if same < before.len().max(after.len()) {
            let context = before[same.saturating_sub(8)..same].join("\n    ");
            let call = |calls: &[String]| calls.get(same).cloned().unwrap_or("no call".to_owned());
            return Some(format!(
                "process {number}, call {same}, after\n    {context}\n  without: {}\n  with:    {}",
                call(before),
                call(after)
            ));
        }
    }
    None
}

// === impl Program ===

impl Program {
    /// Makes its folder.
    pub fn prepare(&self, lab: &Lab) -> Result<()> {
        let folder = self.folder(lab);
        fs::create_dir_all(&folder)?;
        for (name, text) in self.files {
            fs::write(
                folder.join(name),
                text.replace("FOLDER", &folder.display().to_string()),
            )?;
        }
        // Some of them run as somebody else.
        lab.host.must("chmod", &["777", &folder.display().to_string()])?;
        shell(&lab.host, &folder, self.prepare)?.wait()?;
        Ok(())
    }

    /// Runs it from its first call to its last, as a process of the host or inside of this container.
    pub fn trace(&self, lab: &Lab, container: Option<&str>) -> Result<Traces> {
        let folder = self.folder(lab);
        let traces = folder.join("traces");
        // There is none the first time.
        let _ = fs::remove_dir_all(&traces);
        let mut folders = Vec::new();
        let start = |name: &str, calls: &str, command: &str| {
            let into = traces.join(name);
            fs::create_dir_all(&into)?;
            let line = format!(
                "exec strace -ff -ttt -q -s 0 -e signal=none -e trace='{calls}' -o {}/of {command}",
                into.display()
            );
            let child = match container {
                Some(container) => inside(lab, container, &folder, &line)?,
                None => shell(&lab.host, &folder, &line)?,
            };
            anyhow::Ok((child, into))
        };
        let server = match &self.server {
            Some(server) => {
                let (child, into) = start("server", server.calls, server.command)?;
                server.wait(&lab.host).with_context(|| self.name)?;
                until(server.ready, || {
                    Ok(shell(&lab.host, &folder, server.ready)?.wait()?.success())
                })?;
                Some((child, into))
            }
            None => None,
        };
        for (number, step) in self.steps.iter().enumerate() {
            let (child, into) = start(&number.to_string(), ALL, step.command)?;
            end(child, step.command)?;
            folders.push((format!("{}: {}", self.name, step.command), into));
            if let Some((_, into)) = &server {
                until(&format!("{}: processes that end", self.name), || {
                    Ok(ended(into)? >= step.ended)
                })?;
            }
        }
        if let (Some((child, into)), Some(server)) = (server, &self.server) {
            end(shell(&lab.host, &folder, server.stop)?, server.stop)?;
            end(child, self.name)?;
            folders.push((self.name.to_owned(), into));
        }
        read(&folders)
    }

    /// Where it runs; the same one in all turns.
    pub fn folder(&self, lab: &Lab) -> PathBuf {
        lab.paths.state.join(self.name)
    }
}

// === impl Server ===

impl Server {
    /// Until something listens on its port. To ask it would be in its trace.
    fn wait(&self, place: &Place) -> Result<()> {
        // Not on the loopback of somebody else.
        let listens = ["0100007F", "00000000"].map(|at| format!(" {at}:{:04X} 00000000:0000 0A ", self.port));
        until("a listener", || {
            let table = place.within(|| fs::read_to_string("/proc/thread-self/net/tcp"))??;
            Ok(listens.iter().any(|listens| table.contains(listens)))
        })
    }
}

/// Starts a command line in this folder.
fn shell(place: &Place, folder: &Path, line: &str) -> Result<Child> {
    let mut command = place.command("sh", &["-c", line]);
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    place.spawn(&mut command)
}

/// The same in a container that has the folder where it is here.
fn inside(lab: &Lab, container: &str, folder: &Path, line: &str) -> Result<Child> {
    let docker = format!(
        "docker -H unix://{} exec -w {}",
        lab.engine.socket().display(),
        folder.display()
    );
    shell(
        &lab.host,
        folder,
        &format!(
            "exec {docker} {container} sh -c '{}'",
            line.replace('\'', "'\\''")
        ),
    )
}

fn until(what: &str, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !done()? {
        ensure!(start.elapsed() < PATIENCE, "no {what} after {PATIENCE:?}");
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn end(mut child: Child, what: &str) -> Result<()> {
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if start.elapsed() > PATIENCE * 2 {
            child.kill()?;
            bail!("{what} does not end");
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Every process of a command as strace wrote it down: a file for each, with the time before each call.
fn files(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix("of.").context("strace names its files so")?;
        files.push((pid.to_owned(), fs::read_to_string(entry.path())?));
    }
    // Each begins with the time of its first call.
    files.sort_by(|one, other| one.1.cmp(&other.1));
    Ok(files)
}

fn ended(folder: &Path) -> Result<usize> {
    let ended = |text: &str| text.lines().last().is_some_and(|line| line.ends_with("+++"));
    Ok(files(folder)?.iter().filter(|(_, text)| ended(text)).count())
}

fn read(folders: &[(String, PathBuf)]) -> Result<Traces> {
    let all = folders
        .iter()
        .map(|(name, folder)| Ok((name, files(folder)?)))
        .collect::<Result<Vec<_>>>()?;
    let files = all.iter().flat_map(|(_, files)| files);
    let pids: Vec<&str> = files.map(|(pid, _)| pid.as_str()).collect();
    let calls = |(_, text): &(String, String)| {
        let calls = text.lines().filter_map(|line| line.split_once(' '));
        let mut calls: Vec<String> = calls.map(|(_, call)| plain(call, &pids)).collect();
        calls.retain(|call| !is_pace(call));
        calls.dedup_by(|one, other| one == other && one.ends_with(SOME));
        calls
    };
    // Of a process that makes none there is its end, whenever that comes.
    let any = |calls: &Vec<String>| calls.len() > 1;
    let trace = |(name, files): &(&String, Vec<_>)| {
        let calls = files.iter().map(calls).filter(any).collect();
        ((*name).clone(), calls)
    };
    Ok(all.iter().map(trace).collect())
}

/// Whether what comes after this is the number of a process.
fn is_pid(before: &str) -> bool {
    let gives = ["clone", "fork", "vfork", "wait4", "set_tid_address"];
    ["kill(", "wait4(", "pid=", "tid=[", "F_SETOWN, "]
        .iter()
        .any(|end| before.ends_with(end))
        || before.ends_with("= ") && gives.iter().any(|call| before.starts_with(call))
}

/// Whether a call only says that nothing was there yet, or what time it is.
fn is_pace(call: &str) -> bool {
    call.starts_with("recvfrom(") && call.contains("= -1 EAGAIN") || call.starts_with("write(2, ")
}

/// A call without what differs from run to run: addresses in memory, numbers of processes, ports that the kernel chose.
fn plain(call: &str, pids: &[&str]) -> String {
    let mut plain = String::new();
    let mut rest = call;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        plain.push_str(&rest[..at]);
        let word = &rest[at..];
        let size = word
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(word.len());
        let (word, after) = word.split_at(size);
        let number = word.parse::<u64>().unwrap_or(0);
        plain.push_str(
            if word.len() > 6 && word.starts_with("0x") || plain.ends_with("u32=") || plain.ends_with("u64=")
            {
                "ADDRESS"
            } else if pids.contains(&word) && is_pid(&plain) {
                "PID"
            } else if plain.ends_with("htons(") && number >= 32768 {
                "CHOSEN"
            } else {
                word
            },
        );
        rest = after;
    }
    plain.push_str(rest);
    // strace fills up with blanks before the result.
    let (call, result) = plain.rsplit_once(" = ").unwrap_or((&plain, ""));
    let call = call.trim_end();
    // A stream comes in pieces of any size, when it does, and is then the same call again.
    let stream = call.starts_with("recvfrom(") && call.ends_with(" NULL, NULL)");
    let result = match result.parse::<u64>() {
        Ok(1..) if stream => SOME,
        _ => result,
    };
    format!("{call} = {result}")
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn what_differs_from_run_to_run_is_made_plain() {
        let same = [
            (
                "brk(0x5578a000)            = 0x5578b000",
                "brk(ADDRESS) = ADDRESS",
            ),
            ("kill(4711, SIGHUP) = 0", "kill(PID, SIGHUP) = 0"),
            (
                "getsockname(4, {sa_family=AF_INET, sin_port=htons(40000)}, [16]) = 0",
                "getsockname(4, {sa_family=AF_INET, sin_port=htons(CHOSEN)}, [16]) = 0",
            ),
            (
                "bind(3, {sin_port=htons(7401)}) = -1 EADDRINUSE (x)",
                "bind(3, {sin_port=htons(7401)}) = -1 EADDRINUSE (x)",
            ),
        ];
        for (call, wanted) in same {
            assert_eq!(plain(call, &["4711"]), wanted);
        }
    }
}
