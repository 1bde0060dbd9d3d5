//! What goes on while something rare happens: clients that may and clients that may not, over TCP and UDP, in host
//! mode, on the bridge, as processes, with connections that stay.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::binaries;
use crate::lab::Lab;
use crate::pound::{Tally, Turn};
use crate::probe::{self, Server};
use crate::walkthrough::scene::eventually;

/// A running load. Its containers end with the lab.
pub(super) struct Load {
    folder: tempfile::TempDir,
    clients: Vec<&'static str>,
    _servers: Vec<Server>,
    processes: Vec<Process>,
}

/// Ends with its guard.
struct Process(Child);

/// A client: (name, arguments of `docker run`, streams). No arguments: a process of the host.
pub(super) type Client<'a> = (&'static str, &'a [&'a str], Vec<String>);

/// The port of protected servers in host mode, and of unprotected ones.
const PORT: u16 = 7402;
const PLAIN_PORT: u16 = 7404;

const PATIENCE: Duration = Duration::from_secs(20);

const SAME: [&str; 2] = ["-l", "app=a"];
const OTHER: [&str; 2] = ["-l", "app=x"];

// === impl Load ===

impl Load {
    /// Two servers with `app=a`, an unprotected one, and clients with the same labels, other labels and none.
    pub(super) fn start(lab: &Lab) -> Result<Self> {
        let servers = ["tcp", "udp"].map(|kind| {
            let address = format!("0.0.0.0:{PLAIN_PORT}");
            probe::serve(&lab.host, "plain", kind, &address)
        });
        let mut load = Self {
            folder: tempfile::tempdir()?,
            clients: Vec::new(),
            _servers: servers.into_iter().collect::<Result<_>>()?,
            processes: Vec::new(),
        };
        serve(lab, "sa", &[&["--net=host"], &SAME[..]].concat(), PORT)?;
        serve(lab, "sb", &SAME, PORT)?;
        let template = "{{.NetworkSettings.IPAddress}}";
        let bridged = lab.engine.docker(&["inspect", "-f", template, "sb"])?;
        let sb = format!("{bridged}:{PORT}");
        let (here, six, gate) = (
            format!("127.0.0.1:{PORT}"),
            format!("[::1]:{PORT}"),
            format!("172.17.0.1:{PORT}"),
        );
        let plain = |address: &str| format!("{address}:{PLAIN_PORT}");
        let mut peer = streams(&["tcp", "udp", "sendto", "flow", "uflow"], &here, "sa");
        peer.extend(streams(&["tcp", "flow"], &six, "sa"));
        peer.extend(streams(&["tcp", "udp", "flow", "uflow"], &sb, "sb"));
        peer.extend(streams(&["tcp", "udp"], &plain("127.0.0.1"), "-"));
        let mut neighbour = streams(&["tcp", "udp", "sendto", "flow", "uflow"], &gate, "sa");
        neighbour.extend(streams(&["tcp", "udp", "flow", "uflow"], &sb, "sb"));
        neighbour.extend(streams(&["tcp", "udp"], &plain("172.17.0.1"), "-"));
        let mut stranger = streams(&["tcp", "udp", "sendto"], &here, "-");
        stranger.extend(streams(&["tcp"], &six, "-"));
        stranger.extend(streams(&["tcp", "udp"], &sb, "-"));
        let mut outsider = streams(&["tcp", "udp", "sendto"], &gate, "-");
        outsider.extend(streams(&["tcp", "udp"], &sb, "-"));
        let mut host = stranger.clone();
        host.extend(streams(
            &["tcp", "udp", "flow", "uflow"],
            &plain("127.0.0.1"),
            "plain",
        ));
        let host_mode = |labels: &[&'static str]| [&["--net=host"], labels].concat();
        load.add(lab, &("peer", &host_mode(&SAME), peer.clone()))?;
        load.add(lab, &("neighbour", &SAME, neighbour))?;
        load.add(lab, &("stranger", &host_mode(&OTHER), stranger))?;
        load.add(lab, &("outsider", &OTHER, outsider))?;
        load.add(lab, &("host", &[], host))?;
        load.process(lab, "process", &["run", "--label", "app=a"], &peer)?;
        Ok(load)
    }

    /// From now on clients can be told which policy of a cycle is in force; those that are there already do not hear it.
    pub(super) fn cycle(&self) -> Result<Turn> {
        Turn::create(self.path()).context("cannot write to the folder of results")
    }

    /// One more client.
    pub(super) fn add(&mut self, lab: &Lab, (name, docker, streams): &Client<'_>) -> Result<()> {
        if docker.is_empty() {
            let command = lab.host.command(binaries::probe()?, &self.pound(name, streams));
            return self.spawn(lab, name, command);
        }
        let volume = format!("{0}:{0}", self.path().display());
        let mut args = vec!["run", "-d", "--name", name, "-v", &volume];
        args.extend(*docker);
        args.extend(["curl", "cofferdam-probe"]);
        let pound = self.pound(name, streams);
        args.extend(pound.iter().map(String::as_str));
        lab.engine.docker(&args)?;
        self.begun(name)
    }

    /// One more client, started by `cofferdam ARGS -- ...`.
    pub(super) fn process(
        &mut self,
        lab: &Lab,
        name: &'static str,
        args: &[&str],
        streams: &[String],
    ) -> Result<()> {
        let mut all = lab.arguments(args);
        all.extend(["--".to_string(), binaries::probe()?.display().to_string()]);
        all.extend(self.pound(name, streams));
        let command = lab.host.command(binaries::cofferdam()?, &all);
        self.spawn(lab, name, command)
    }

    fn spawn(&mut self, lab: &Lab, name: &'static str, mut command: std::process::Command) -> Result<()> {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        self.processes.push(Process(lab.host.spawn(&mut command)?));
        self.begun(name)
    }

    fn pound(&self, name: &str, streams: &[String]) -> Vec<String> {
        let folder = self.path().display().to_string();
        let mut all = vec!["pound".to_string(), folder, name.to_string()];
        all.extend(streams.iter().cloned());
        all
    }

    fn begun(&mut self, name: &'static str) -> Result<()> {
        self.clients.push(name);
        let folder = self.folder.path();
        eventually(&format!("{name} begins"), || {
            Ok(Tally::read(folder, name).is_ok_and(|t| t.attempts > 0))
        })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What was counted up to now.
    pub(super) fn so_far(&self) -> Result<Tally> {
        let mut all = Tally::default();
        for name in &self.clients {
            let mut one = Tally::read(self.path(), name)?;
            one.first_wrong
                .iter_mut()
                .for_each(|w| *w = format!("{name} at {w}"));
            all.add(one);
        }
        Ok(all)
    }

    /// Waits until each client has made attempts after now.
    pub(super) fn turn(&self) -> Result<()> {
        let count = || -> Result<Vec<u64>> {
            let tallies = self.clients.iter().map(|name| Tally::read(self.path(), name));
            tallies.map(|t| Ok(t?.attempts)).collect()
        };
        let before = count()?;
        eventually("each client goes on", || {
            Ok(count()?.iter().zip(&before).all(|(now, before)| now > before))
        })
    }

    /// Stops all clients and counts for the last time.
    pub(super) fn stop(self) -> Result<Tally> {
        fs::write(self.path().join("stop"), "")?;
        let start = Instant::now();
        let ended = |name: &&str| self.path().join(format!("{name}.done")).exists();
        while !self.clients.iter().all(ended) {
            ensure!(start.elapsed() < PATIENCE, "the load does not end");
            thread::sleep(Duration::from_millis(20));
        }
        self.so_far()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A container that serves TCP and UDP on this port of both families.
pub(super) fn serve(lab: &Lab, name: &str, docker: &[&str], port: u16) -> Result<()> {
    serve_all(lab, name, docker, &[port])
}

/// The same on several ports.
pub(super) fn serve_all(lab: &Lab, name: &str, docker: &[&str], ports: &[u16]) -> Result<()> {
    let probe = |kind: &str, port: &u16| format!("cofferdam-probe serve {name} {kind} [::]:{port} & ");
    let both = |port| probe("udp", port) + &probe("tcp", port);
    let script = ports.iter().map(both).collect::<String>() + "wait";
    let run = ["run", "-d", "--name", name];
    lab.engine
        .docker(&[&run[..], docker, &["curl", "sh", "-c", &script]].concat())?;
    wait_ready(lab, name, 2 * ports.len())
}

/// Waits until so many servers of a container listen.
pub(super) fn wait_ready(lab: &Lab, name: &str, servers: usize) -> Result<()> {
    eventually(&format!("{name} listens"), || {
        let log = lab.engine.docker(&["logs", name])?;
        Ok(log.matches("ready").count() >= servers)
    })
}

/// `KIND,ADDRESS,EXPECT` for several kinds.
pub(super) fn streams(kinds: &[&str], address: &str, expect: &str) -> Vec<String> {
    kinds
        .iter()
        .map(|kind| format!("{kind},{address},{expect}"))
        .collect()
}

/// An error unless the daemon answers: a load without a daemon would prove less than it says.
pub(super) fn daemon_answers(lab: &Lab) -> Result<serde_json::Value> {
    let status = lab.json(&["status"]).context("the daemon does not answer")?;
    if status["off"] == true {
        bail!("enforcement is off");
    }
    Ok(status)
}
