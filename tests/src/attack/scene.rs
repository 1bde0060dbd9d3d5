//! Who attacks whom: a protected victim and a plain process on the host's network, friends of both, and what they note down.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use super::running::Voice;
use super::{LEVELS, Level, Origin};
use crate::binaries;
use crate::lab::{Daemon, Lab, Place};
use crate::probe::Server;

/// Everything that the attacks of a group act on. Fields are dropped in order.
pub(super) struct Scene {
    /// Who starts the attacks of each attacker.
    pub(super) voices: RefCell<Vec<(Attacker, Rc<RefCell<Voice>>)>>,
    servers: Vec<Server>,
    /// None in a scene without Cofferdam.
    pub(super) daemon: Option<Daemon>,
    pub(super) lab: Lab,
    pub(super) folder: TempDir,
    pub(super) program: PathBuf,
    /// How `cofferdam run` is told.
    pub(super) strictly: [&'static str; 2],
    /// The host's link-local address, with its scope.
    pub(super) link_local: String,
    /// The number of its interface on the LAN.
    pub(super) interface: String,
    pub(super) next: Cell<u32>,
}

/// Who attacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attacker {
    pub(super) origin: Origin,
    pub(super) level: Level,
}

/// What `cofferdam doctor` says.
pub(super) struct Doctor(Value);

/// What an attacker's labels let in: whoever takes another's port must be able to hear its clients.
pub(super) const OPEN: &str = "cofferdam.ingress=host:7003-7005, host:7103-7105, host:7130, host:7160-7161";

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
        let strictly = strictly(&lab)?;
        let mut scene = Self {
            voices: RefCell::default(),
            servers: Vec::new(),
            daemon,
            lab,
            folder,
            program: program.to_path_buf(),
            strictly,
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
        for level in LEVELS {
            let mut labels = vec!["--net=host", "-l", "app=attacker", "-l", OPEN];
            if level == Level::Strict {
                labels.extend(["-l", "cofferdam.contain=strict"]);
            }
            self.idle(attackers_name(level), &labels, &idle)?;
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

/// Addresses at which somebody would answer whom a workload must not reach; and Fast Open on both ends.
fn prepare(host: &Place) -> Result<()> {
    let script = "ip addr add 169.254.169.254/32 dev lo; ip addr add 169.254.77.7/32 dev lo; \
                  echo 3 > /proc/sys/net/ipv4/tcp_fastopen";
    host.must("sh", &["-ec", script]).map(drop)
}

/// By its flag, or by the label that means the same.
fn strictly(lab: &Lab) -> Result<[&'static str; 2]> {
    let flags = lab.host.must(binaries::cofferdam()?, &["run", "--help"])?;
    Ok(if flags.contains("--contain") {
        ["--contain", "strict"]
    } else {
        ["--label", "cofferdam.contain=strict"]
    })
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
