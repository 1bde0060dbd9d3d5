//! Who attacks whom: a protected victim and a plain process on the host's network, friends of both, and what they note down.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use super::rows::{Play, Row};
use super::running::{self, Running};
use super::{Level, Origin, Seen};
use crate::binaries;
use crate::lab::{Daemon, Lab, Place};
use crate::probe::Server;

/// Everything that the attacks of a group act on. Fields are dropped in order.
pub(super) struct Scene {
    servers: Vec<Server>,
    /// None in a scene without Cofferdam.
    pub(super) daemon: Option<Daemon>,
    pub(super) lab: Lab,
    folder: TempDir,
    program: PathBuf,
    levels: &'static [Level],
    /// The host's link-local address, with its scope.
    link_local: String,
    /// The number of its interface on the LAN.
    interface: String,
    next: Cell<u32>,
}

/// Who attacks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attacker {
    pub(super) origin: Origin,
    pub(super) level: Level,
}

/// What `cofferdam doctor` says.
pub(super) struct Doctor(Value);

/// Longer than a datagram takes on one host, with others at work.
const ARRIVES: Duration = Duration::from_millis(300);
/// The same for what was refused, of which nothing should be under way.
const REFUSED: Duration = Duration::from_millis(50);

/// What an attacker's labels let in: whoever takes another's port must be able to hear its clients.
const OPEN: &str = "cofferdam.ingress=host:7003-7005, host:7103-7105, host:7130, host:7160-7161";

// === impl Scene ===

impl Scene {
    /// The same scene with nobody protected: what works there is what Cofferdam has to stop.
    pub(super) fn without(program: &Path) -> Result<Self> {
        Self::set(program, false)
    }

    pub(super) fn with(program: &Path) -> Result<Self> {
        Self::set(program, true)
    }

    fn set(program: &Path, protected: bool) -> Result<Self> {
        let lab = Lab::new()?;
        let folder = tempfile::Builder::new().prefix("attack").tempdir()?;
        prepare(&lab.host)?;
        let link = lab
            .host
            .must("sh", &["-c", "ip -6 -o addr show dev lan0 scope link"])?;
        let link = word_after(&link, "inet6")?;
        let link = link.split('/').next().unwrap_or_default().to_owned();
        let interface = lab.host.must("sh", &["-c", "ip -o link show dev lan0"])?;
        let interface = interface.split(':').next().unwrap_or_default().to_owned();
        let daemon = protected.then(|| lab.daemon(&[])).transpose()?;
        let levels: &[Level] = if contains(&lab)? {
            &[Level::Default, Level::Strict]
        } else {
            &[Level::Default]
        };
        let mut scene = Self {
            servers: Vec::new(),
            daemon,
            lab,
            folder,
            program: program.to_path_buf(),
            levels,
            link_local: format!("{link}%{interface}"),
            interface,
            next: Cell::new(0),
        };
        scene.people()?;
        Ok(scene)
    }

    fn people(&mut self) -> Result<()> {
        let log = self.log().display().to_string();
        let victim = format!("serve name=victim log={log} {VICTIM}");
        let opened = "cofferdam.ingress=host:7003, host:7004, host:7005";
        let victim: Vec<&str> = victim.split(' ').collect();
        self.container(
            "victim",
            &["--net=host", "-l", "app=victim", "-l", opened],
            &victim,
        )?;
        let ready = || Ok(self.lab.engine.docker(&["logs", "victim"])?.contains("ready"));
        crate::walkthrough::scene::eventually("the victim listens", ready)?;
        let idle = ["sleep", "600"];
        for level in self.levels {
            let mut labels = vec!["--net=host", "-l", "app=attacker", "-l", OPEN];
            if *level == Level::Strict {
                labels.extend(["-l", "cofferdam.contain=strict"]);
            }
            self.idle(attackers_name(*level), &labels, &idle)?;
        }
        self.idle("friend", &["-l", "app=victim"], &idle)?;
        let interface = &self.interface;
        let host = format!(
            "serve name=host log={log} {HOST} group=239.7.7.7:7110/192.168.77.1 group=[ff02::7707%{interface}]:7111/"
        );
        let lan = format!("serve name=lan log={log} udp=0.0.0.0:7201 tcp=0.0.0.0:7201");
        let host = self.server(&self.lab.host, &host)?;
        let lan = self.server(&self.lab.lan, &lan)?;
        let peer = format!("serve name=peer log={log} {PEER}");
        let peer = self.command(&["--label", "app=attacker"], &peer.split(' ').collect::<Vec<_>>())?;
        let mut peer = peer;
        let peer = Server::start(&self.lab.host, &mut peer)?;
        self.servers.extend([host, lan, peer]);
        Ok(())
    }

    pub(super) fn server(&self, place: &Place, words: &str) -> Result<Server> {
        let words: Vec<&str> = words.split(' ').collect();
        let mut command = place.command(&self.program, &words);
        Server::start(place, &mut command)
    }

    /// A container that runs the attack program.
    fn container(&self, name: &str, run_args: &[&str], words: &[&str]) -> Result<()> {
        self.idle(name, run_args, &[&["/attack"], words].concat())
    }

    /// A container that runs something else.
    pub(super) fn idle(&self, name: &str, run_args: &[&str], command: &[&str]) -> Result<()> {
        let folder = self.folder.path().display();
        let folder = format!("{folder}:{folder}");
        let program = format!("{}:/attack:ro", self.program.display());
        let mut args = vec!["run", "-d", "--name", name, "-v", &folder, "-v", &program];
        args.extend(run_args);
        args.push("curl");
        args.extend(command);
        self.lab.engine.docker(&args).map(drop)
    }

    /// The levels that this version knows.
    pub(super) fn levels(&self) -> &'static [Level] {
        self.levels
    }

    /// A row of the table, once.
    pub(super) fn play(&self, row: &Row, origin: Origin, level: Level) -> Result<Seen> {
        let attacker = Attacker { origin, level };
        let seen = match row.play {
            Play::Words(words) => self.strike(attacker, words),
            Play::With(play) => play(self, attacker),
        };
        seen.with_context(|| format!("{} from a {origin:?} ({level:?})", row.name))
    }

    /// One attack to its end.
    pub(super) fn strike(&self, attacker: Attacker, words: &str) -> Result<Seen> {
        let token = self.token();
        let mut command = self.attack(attacker, words, &token)?;
        command
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        let child = self.lab.host.spawn(&mut command)?;
        let out = crate::lab::place::finish(child, Instant::now(), Duration::from_secs(30))?.ok()?;
        Ok(self.with_arrival(running::read(&out)?, &token))
    }

    /// One attack that will wait for us, and its token.
    pub(super) fn begin(&self, attacker: Attacker, words: &str) -> Result<(Running, String)> {
        let token = self.token();
        let mut command = self.attack(attacker, words, &token)?;
        Ok((Running::start(&self.lab.host, &mut command)?, token))
    }

    /// Its end, with what arrived.
    pub(super) fn end(&self, running: Running, token: &str) -> Result<Seen> {
        Ok(self.with_arrival(running.end()?, token))
    }

    /// A process of the attack program with these flags of `cofferdam run`; without Cofferdam, a plain one.
    pub(super) fn command(&self, run_args: &[&str], words: &[&str]) -> Result<Command> {
        let program = self.program.display().to_string();
        if self.daemon.is_none() {
            return Ok(self.lab.host.command(&program, words));
        }
        let mut args = vec!["run"];
        args.extend(run_args);
        args.extend(["--", &program]);
        args.extend(words);
        Ok(self
            .lab
            .host
            .command(binaries::cofferdam()?, &self.lab.arguments(&args)))
    }

    fn attack(&self, attacker: Attacker, words: &str, token: &str) -> Result<Command> {
        let words = self.filled(words, token);
        let mut words: Vec<&str> = words.split(' ').collect();
        let token = format!("token={token}");
        words.push(&token);
        match attacker.origin {
            Origin::Container => self.exec(attackers_name(attacker.level), &words),
            Origin::Process => {
                let mut args = vec!["--label", "app=attacker", "--label", OPEN];
                if attacker.level == Level::Strict {
                    args.extend(["--contain", "strict"]);
                }
                self.command(&args, &words)
            }
        }
    }

    /// The attack program in a running container.
    pub(super) fn exec(&self, container: &str, words: &[&str]) -> Result<Command> {
        let socket = format!("unix://{}", self.lab.engine.socket().display());
        let mut args = vec!["-H", &socket, "exec", "-i", container, "/attack"];
        args.extend(words);
        Ok(self.lab.host.command("docker", &args))
    }

    /// The attack program as a plain process of the host.
    pub(super) fn plain(&self, words: &str) -> Result<Seen> {
        let words: Vec<&str> = words.split(' ').collect();
        running::read(&self.lab.host.must(&self.program, &words)?)
    }

    pub(super) fn plain_command(&self, words: &[&str]) -> Command {
        self.lab.host.command(&self.program, words)
    }

    /// The attack program as the victim's friend, in a network of its own.
    pub(super) fn friend(&self, words: &str) -> Result<()> {
        let mut command = self.exec("friend", &words.split(' ').collect::<Vec<_>>())?;
        command.stdout(std::process::Stdio::piped());
        let child = self.lab.host.spawn(&mut command)?;
        crate::lab::place::finish(child, Instant::now(), Duration::from_secs(10))?
            .ok()
            .map(drop)
    }

    /// Puts a policy in force, or takes it away; it is so when this returns.
    pub(super) fn policy(&self, name: &str, text: Option<&str>) -> Result<()> {
        if self.daemon.is_none() {
            return Ok(());
        }
        let file = format!("{name}.yaml");
        let Some(text) = text else {
            return self.lab.cofferdam(&["policy", "remove", &file])?.ok().map(drop);
        };
        let path = self.shared(&file);
        fs::write(&path, text)?;
        self.lab
            .cofferdam(&["policy", "apply", &path.display().to_string()])?
            .ok()
            .map(drop)
    }

    /// Whether there is a record of this hook from the attacker.
    pub(super) fn is_recorded(&self, hook: &str) -> Result<bool> {
        if self.daemon.is_none() {
            return Ok(false);
        }
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(2) {
            let answer = self
                .lab
                .json(&["flows", "--from", "app=attacker", "--limit", "0"])?;
            let flows = answer["flows"].as_array().cloned().unwrap_or_default();
            if flows.iter().any(|flow| flow["hook"] == hook) {
                return Ok(true);
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(false)
    }

    fn filled(&self, words: &str, token: &str) -> String {
        let folder = self.folder.path().display().to_string();
        words
            .replace("{link}", &self.link_local)
            .replace("{lan}", &self.interface)
            .replace("{folder}", &folder)
            .replace("{port}", &(41_000 + self.next.get()).to_string())
            .replace("{token}", token)
    }

    /// A file that all of them see.
    pub(super) fn shared(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn token(&self) -> String {
        self.next.set(self.next.get() + 1);
        self.last()
    }

    /// The one before the next.
    pub(super) fn last(&self) -> String {
        format!("token-{:04}.", self.next.get())
    }

    fn log(&self) -> PathBuf {
        self.shared("notes")
    }

    /// Who has noted the token, and where.
    fn arrived(&self, token: &str, patience: Duration) -> Option<String> {
        let start = Instant::now();
        loop {
            let notes = fs::read_to_string(self.log()).unwrap_or_default();
            if let Some(line) = notes.lines().find(|line| line.contains(token)) {
                let at: Vec<&str> = line.split(' ').take(2).collect();
                return Some(format!("arrived at {}", at.join(" ")));
            }
            if start.elapsed() > patience {
                return None;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn with_arrival(&self, mut seen: Seen, token: &str) -> Seen {
        if seen.effect.is_none() {
            let patience = if seen.outcome.contains(": E") {
                REFUSED
            } else {
                ARRIVES
            };
            seen.effect = self.arrived(token, patience);
        }
        seen
    }

    pub(super) fn doctor(&self) -> Result<Doctor> {
        let mut args = self.lab.arguments(&["doctor", "--json"]);
        args.extend([
            "--docker-socket".to_owned(),
            self.lab.paths.docker_socket.display().to_string(),
        ]);
        let out = self.lab.host.run(binaries::cofferdam()?, &args)?;
        let value = serde_json::from_str(&out.stdout).with_context(|| format!("cofferdam doctor: {out}"))?;
        Ok(Doctor(value))
    }
}

/// Writes a policy into the daemon's folder, as an editor does.
pub(super) fn write_policy(folder: &Path, name: &str, text: &str) -> Result<()> {
    let new = folder.join(format!(".{name}"));
    fs::write(&new, text)?;
    Ok(fs::rename(new, folder.join(format!("{name}.yaml")))?)
}

/// Addresses at which somebody would answer whom a workload must not reach; and Fast Open on both ends.
fn prepare(host: &Place) -> Result<()> {
    let script = "ip addr add 169.254.169.254/32 dev lo; ip addr add 169.254.77.7/32 dev lo; \
                  echo 3 > /proc/sys/net/ipv4/tcp_fastopen";
    host.must("sh", &["-ec", script]).map(drop)
}

/// Whether this version has levels of containment.
fn contains(lab: &Lab) -> Result<bool> {
    Ok(lab
        .host
        .must(binaries::cofferdam()?, &["run", "--help"])?
        .contains("--contain"))
}

fn word_after<'a>(text: &'a str, word: &str) -> Result<&'a str> {
    let mut words = text.split_whitespace().skip_while(|found| *found != word);
    words.nth(1).with_context(|| format!("no {word} in {text:?}"))
}

pub(super) const fn attackers_name(level: Level) -> &'static str {
    match level {
        Level::Default => "attacker-default",
        Level::Strict => "attacker-strict",
    }
}

/// 7001 is for its friends alone; the clients of the ports whose neighbours may be taken are host processes.
const VICTIM: &str = "tcp=[::]:7001 udp=[::]:7001 fast=[::]:7006 mptcp=[::]:7007 \
shared-tcp=[::]:7003 shared-udp=[::]:7003 tcp=0.0.0.0:7004 udp=0.0.0.0:7004 tcp=127.0.0.1:7005 udp=127.0.0.1:7005 \
stream=victim.stream seqpacket=victim.seqpacket dgram=victim.dgram raw=132";

const HOST: &str = "tcp=[::]:7101 slow=0.0.0.0:7108 udp=[::]:7101 fast=[::]:7106 mptcp=[::]:7107 \
shared-tcp=[::]:7103 shared-udp=[::]:7103 tcp=0.0.0.0:7104 udp=0.0.0.0:7104 tcp=127.0.0.1:7105 udp=127.0.0.1:7105 \
stream=/containerd-shim/host.sock stream= seqpacket=host.seqpacket dgram=host.dgram raw=132";

const PEER: &str = "tcp=192.168.77.1:7301 udp=192.168.77.1:7301";

// === impl Doctor ===

impl Doctor {
    /// The state of a row of its table, for this place and level.
    pub(super) fn state(&self, what: &str, _origin: Origin, _level: Level) -> Option<String> {
        let rows = self.0["containment"].as_array()?;
        let row = rows.iter().find(|row| !what.is_empty() && row["what"] == what)?;
        Some(row["state"].as_str()?.to_owned())
    }
}
