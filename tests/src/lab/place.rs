//! Where a process starts: a network namespace and a cgroup. Everything of a lab starts through a [`Place`].

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use nix::sched::{CloneFlags, setns};

/// What ended, and how.
#[derive(Debug)]
pub struct Outcome {
    /// Exit code; `None` where a signal or the deadline ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// From before the fork to the end.
    pub took: Duration,
    /// Whether the deadline ended it.
    pub timed_out: bool,
}

/// A network namespace and a cgroup.
#[derive(Clone)]
pub struct Place {
    netns: Arc<File>,
    cgroup: PathBuf,
}

/// How long a command may take unless told otherwise.
const DEADLINE: Duration = Duration::from_secs(60);

/// Moves itself into the cgroup `$0`, then becomes the command.
const ENTER: &str = r#"echo 0 > "$0/cgroup.procs" && exec "$@""#;

// === impl Place ===

impl Place {
    /// Processes start in `netns` and in the directory `cgroup` of the cgroup v2 tree.
    pub fn new(netns: Arc<File>, cgroup: &Path) -> Self {
        Self {
            netns,
            cgroup: cgroup.to_path_buf(),
        }
    }

    /// The same namespace, another cgroup.
    pub fn in_cgroup(&self, cgroup: &Path) -> Self {
        Self {
            netns: Arc::clone(&self.netns),
            cgroup: cgroup.to_path_buf(),
        }
    }

    /// The cgroup's directory.
    pub fn cgroup(&self) -> &Path {
        &self.cgroup
    }

    /// The network namespace.
    pub fn netns(&self) -> &File {
        &self.netns
    }

    /// Runs to the end, at most a minute.
    pub fn run<S: AsRef<OsStr>>(&self, program: impl AsRef<OsStr>, args: &[S]) -> Result<Outcome> {
        self.run_for(DEADLINE, program, args)
    }

    /// Runs to the end or to the deadline.
    pub fn run_for<S: AsRef<OsStr>>(
        &self,
        deadline: Duration,
        program: impl AsRef<OsStr>,
        args: &[S],
    ) -> Result<Outcome> {
        let mut command = self.command(program, args);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let start = Instant::now();
        let child = self.spawn(&mut command)?;
        finish(child, start, deadline)
    }

    /// Runs to the end; an error unless it exits with 0. Gives standard output.
    pub fn must<S: AsRef<OsStr>>(&self, program: impl AsRef<OsStr>, args: &[S]) -> Result<String> {
        let line = line(program.as_ref(), args);
        let outcome = self.run(program, args)?;
        outcome.ok().with_context(|| line)
    }

    /// A command that will enter the cgroup; start it with [`Place::spawn`], which enters the namespace.
    pub fn command<S: AsRef<OsStr>>(&self, program: impl AsRef<OsStr>, args: &[S]) -> Command {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(ENTER)
            .arg(&self.cgroup)
            .arg(program.as_ref());
        command.args(args.iter().map(AsRef::as_ref));
        command
    }

    /// Starts a command made by [`Place::command`].
    pub fn spawn(&self, command: &mut Command) -> Result<Child> {
        self.within(|| command.spawn().context("cannot start a process"))?
    }

    /// Runs `job` on a thread of its own inside the network namespace.
    pub fn within<T: Send>(&self, job: impl FnOnce() -> T + Send) -> Result<T> {
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                setns(&*self.netns, CloneFlags::CLONE_NEWNET)
                    .context("cannot enter the lab's network namespace")?;
                Ok(job())
            });
            inside
                .join()
                .map_err(|_| anyhow!("a job inside the lab panicked"))?
        })
    }
}

// === impl Outcome ===

impl Outcome {
    /// Standard output, or an error that quotes everything.
    pub fn ok(self) -> Result<String> {
        if self.code == Some(0) {
            return Ok(self.stdout);
        }
        bail!("{self}")
    }

    /// Whether it exited with 0.
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.code {
            Some(code) => write!(f, "exit code {code}")?,
            None if self.timed_out => write!(f, "no end after {:?}", self.took)?,
            None => write!(f, "killed by a signal")?,
        }
        for text in [self.stdout.trim(), self.stderr.trim()]
            .into_iter()
            .filter(|t| !t.is_empty())
        {
            write!(f, "; {text}")?;
        }
        Ok(())
    }
}

/// Waits for `child`, reads what it writes, kills it at the deadline.
pub fn finish(mut child: Child, start: Instant, deadline: Duration) -> Result<Outcome> {
    let stdout = child.stdout.take().map(reader);
    let stderr = child.stderr.take().map(reader);
    let (status, timed_out) = wait(&mut child, start, deadline)?;
    let took = start.elapsed();
    let text = |r: Option<thread::JoinHandle<String>>| r.and_then(|r| r.join().ok()).unwrap_or_default();
    let code = if timed_out { None } else { status.code() };
    Ok(Outcome {
        code,
        stdout: text(stdout),
        stderr: text(stderr),
        took,
        timed_out,
    })
}

fn wait(child: &mut Child, start: Instant, deadline: Duration) -> Result<(ExitStatus, bool)> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok((status, false));
        }
        if start.elapsed() > deadline {
            child.kill()?;
            return Ok((child.wait()?, true));
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn reader(mut from: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // A read error ends the text; what came before still tells the story.
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn line<S: AsRef<OsStr>>(program: &OsStr, args: &[S]) -> String {
    let mut line = OsString::from(program);
    for arg in args {
        line.push(" ");
        line.push(arg);
    }
    line.to_string_lossy().into_owned()
}
