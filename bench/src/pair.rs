//! A server and a client in one setting. They live as long as the benchmark; between two batches both sleep.

use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use crate::lab::Lab;
use crate::plan::Measure;

/// How long a process may take until it answers for the first time.
const START: Duration = Duration::from_secs(10);

/// Where one process of a pair runs, and through what it is started.
pub(crate) struct Seat {
    /// What the load program's command line is appended to; empty starts it directly.
    pub(crate) prefix: Vec<String>,
    /// The cgroup that it enters by itself; `None` where the prefix puts it into one.
    pub(crate) cgroup: Option<PathBuf>,
}

/// The network namespaces of a pair, and the address of the server's in which they meet.
#[derive(Clone)]
pub(crate) struct Meeting {
    pub(crate) server: PathBuf,
    pub(crate) client: PathBuf,
    pub(crate) address: Ipv4Addr,
}

/// Both processes.
pub(crate) struct Pair {
    server: Process,
    client: Process,
}

/// A child that ends when its stdin does.
pub(crate) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

// === impl Meeting ===

impl Meeting {
    /// Both on loopback of one namespace.
    pub(crate) fn loopback(netns: &Path) -> Self {
        Self {
            server: netns.to_owned(),
            client: netns.to_owned(),
            address: Ipv4Addr::LOCALHOST,
        }
    }
}

// === impl Pair ===

impl Pair {
    /// Starts both; `name` is unique in the lab.
    pub(crate) fn start(
        lab: &Lab,
        name: &str,
        meeting: &Meeting,
        server: &Seat,
        client: &Seat,
    ) -> anyhow::Result<Self> {
        let control = lab.folder().join(format!("{name}.sock")).display().to_string();
        let (client_core, server_core) = lab.cores();
        let address = meeting.address.to_string();
        let more = ["--control", &control, "--address", &address];
        let role = |role, seat, netns, core| {
            Process::start(seat, role, netns, core, &more)
                .with_context(|| format!("cannot start the {role} of {name}"))
        };
        let server = role("server", server, &meeting.server, server_core)?;
        let deadline = Instant::now() + START;
        while !Path::new(&control).exists() {
            ensure!(Instant::now() < deadline, "the server of {name} does not listen");
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut client = role("client", client, &meeting.client, client_core)?;
        client
            .expect_ready()
            .with_context(|| format!("the client of {name} does not start"))?;
        Ok(Self { server, client })
    }

    /// One batch.
    pub(crate) fn measure(&mut self, measure: Measure, size: u32) -> anyhow::Result<u64> {
        self.client
            .ask(&format!("{} {size}", measure.word()))?
            .parse()
            .context("not a number")
    }

    /// Ends both and waits for them.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        self.client.stop()?;
        self.server.stop()
    }
}

// === impl Process ===

impl Process {
    /// Starts the load program in `role`.
    pub(crate) fn start(
        seat: &Seat,
        role: &str,
        netns: &Path,
        core: usize,
        more: &[&str],
    ) -> anyhow::Result<Self> {
        let own = std::env::current_exe().context("cannot find the own binary")?;
        let mut words = seat.prefix.clone();
        words.extend([own.display().to_string(), role.to_owned()]);
        words.extend([
            "--netns".to_owned(),
            netns.display().to_string(),
            "--core".to_owned(),
            core.to_string(),
        ]);
        if let Some(cgroup) = &seat.cgroup {
            words.extend(["--cgroup".to_owned(), cgroup.display().to_string()]);
        }
        words.extend(more.iter().map(|word| (*word).to_owned()));
        let Some((program, arguments)) = words.split_first() else {
            bail!("an empty command")
        };
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {program}"))?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("no stdout")?;
        Ok(Self {
            child,
            input,
            output: BufReader::new(output),
        })
    }

    /// Waits for the line `ready`.
    pub(crate) fn expect_ready(&mut self) -> anyhow::Result<()> {
        let line = self.line()?;
        ensure!(line == "ready", "it said: {line}");
        Ok(())
    }

    fn ask(&mut self, question: &str) -> anyhow::Result<String> {
        self.say(question)?;
        self.line()
    }

    /// A line to it.
    pub(crate) fn say(&mut self, line: &str) -> anyhow::Result<()> {
        let input = self.input.as_mut().context("no stdin")?;
        Ok(writeln!(input, "{line}")?)
    }

    /// A line of it.
    pub(crate) fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        ensure!(self.output.read_line(&mut line)? > 0, "the load process ended");
        Ok(line.trim_end().to_owned())
    }

    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        drop(self.input.take());
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Ended by `stop`, or an error is on its way to the user: nothing may outlive it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
