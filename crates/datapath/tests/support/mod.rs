//! A cgroup subtree with a data plane of its own, and peers that live in its folders.
//!
//! A peer is this very test binary, started again inside a cgroup with `COFFERDAM_PEER` set: a socket belongs to the
//! cgroup of the process that made it, so threads of one process cannot play two workloads.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cofferdam_datapath::{Datapath, Entry, Event, FlowEvent, Global, Settings, netns_cookie};
use cofferdam_policy::{
    Action, Compiled, Direction, Peer, PeerClass, PortValue, PrefixValue, RowKey, RowValue, Step,
    base_prefixes,
};
use nix::sched::{CloneFlags, setns};
use socket2::Socket;

pub(crate) mod forger;
pub(crate) mod host;
pub(crate) mod net;
pub(crate) mod odd;
pub(crate) mod peer;
pub(crate) mod wire;

static COUNTER: AtomicU32 = AtomicU32::new(0);

pub(crate) struct Stage {
    pub datapath: Option<Datapath>,
    pub root: PathBuf,
    pub bpffs: PathBuf,
    /// The namespace that plays the host's.
    pub host: PathBuf,
}

pub(crate) struct Server {
    child: Child,
    pub address: SocketAddr,
    _out: BufReader<ChildStdout>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Stage {
    /// Where maps and links are pinned: a folder of this ABI's own.
    #[allow(dead_code, reason = "not every test binary looks at pins")]
    pub fn pins(&self) -> PathBuf {
        let mut folders = fs::read_dir(&self.bpffs).unwrap().flatten();
        folders.next().unwrap().path()
    }

    pub(crate) fn new() -> Self {
        Self::inside(Path::new("/proc/self/ns/net"))
    }

    /// With another network namespace in the role of the host's.
    pub(crate) fn inside(host: &Path) -> Self {
        assert!(nix::unistd::geteuid().is_root(), "this test needs root");
        let unified = Path::new("/sys/fs/cgroup/unified");
        let hierarchy = if unified.exists() {
            unified
        } else {
            Path::new("/sys/fs/cgroup")
        };
        // A test that was killed leaves its folder, and process numbers come again.
        let names = std::iter::repeat_with(|| {
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            format!("cft-{}-{number}", std::process::id())
        });
        let name = names
            .take(100)
            .find(|name| fs::create_dir(hierarchy.join(name)).is_ok())
            .unwrap();
        let root = hierarchy.join(&name);
        if !Path::new("/sys/fs/bpf").join("..").exists() || !is_bpffs() {
            let mounted = Command::new("mount")
                .args(["-t", "bpf", "bpf", "/sys/fs/bpf"])
                .status()
                .unwrap();
            assert!(mounted.success());
        }
        let mut stage = Self {
            datapath: None,
            root,
            bpffs: Path::new("/sys/fs/bpf").join(name),
            host: host.to_owned(),
        };
        stage.start();
        stage
    }

    pub(crate) fn start(&mut self) {
        let settings = Settings {
            bpffs: self.bpffs.clone(),
            cgroup_root: self.root.clone(),
            on_dead_closed: false,
        };
        let mut datapath = Datapath::open(&settings).unwrap();
        let host_netns = netns_cookie(&fs::File::open(&self.host).unwrap()).unwrap();
        datapath
            .set_global(Global {
                host_netns,
                ..Global::default()
            })
            .unwrap();
        self.datapath = Some(datapath);
    }

    pub(crate) fn datapath(&mut self) -> &mut Datapath {
        self.datapath.as_mut().unwrap()
    }

    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let dir = self.root.join(name);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    /// A workload `number` with identity 256+number, in a folder of its own; its egress to everybody is allowed, its
    /// ingress only from `friends`.
    pub(crate) fn workload(&mut self, name: &str, number: u32, friends: &[Peer]) -> PathBuf {
        let dir = self.folder(name);
        let steps = rows(number, friends);
        self.datapath().apply(&steps).unwrap();
        self.datapath().bind(&dir, &entry(number)).unwrap();
        dir
    }

    pub(crate) fn serve(&self, dir: &Path, kind: &str, ip: &str) -> Server {
        serve_in(&self.host, dir, kind, ip)
    }

    pub(crate) fn ask(&self, dir: &Path, words: &str) -> peer::Outcome {
        ask_in(&self.host, dir, words)
    }

    /// Records since the last call, and each repeat as a record of its own.
    pub(crate) fn flows(&mut self) -> Vec<FlowEvent> {
        let mut events = Vec::new();
        self.datapath().drain(&mut events).unwrap();
        let again = self.datapath().repeated().unwrap().into_iter();
        let again =
            again.flat_map(|(flow, times)| std::iter::repeat_n(flow, usize::try_from(times).unwrap()));
        events
            .into_iter()
            .filter_map(|e| if let Event::Flow(f) = e { Some(f) } else { None })
            .chain(again)
            .collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(datapath) = self.datapath.take() {
            datapath.remove().ok();
        }
        for _ in 0..50 {
            remove_folders(&self.root);
            if !self.root.exists() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Starts a server in a cgroup folder and a network namespace, and waits until it listens.
pub(crate) fn serve_in(netns: &Path, dir: &Path, kind: &str, at: &str) -> Server {
    let mut command = peer_command(netns, dir, &format!("{kind} {at}"));
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let address = loop {
        let mut line = String::new();
        assert!(
            out.read_line(&mut line).unwrap() > 0,
            "the server at {at} ended early"
        );
        if let Some(address) = line.trim().strip_prefix("listening ") {
            break address.parse().unwrap();
        }
    };
    Server {
        child,
        address,
        _out: out,
    }
}

/// Sockets of a cgroup folder and a network namespace, made by a peer that is told `words`, in the test's own hands.
pub(crate) fn sockets_in(netns: &Path, dir: &Path, words: &str) -> Vec<Socket> {
    let mut command = peer_command(netns, dir, words);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let numbers = loop {
        let mut line = String::new();
        assert!(out.read_line(&mut line).unwrap() > 0, "`{words}` ended early");
        if let Some(numbers) = line.trim().strip_prefix("holding ") {
            break numbers.to_owned();
        }
    };
    let pid = i32::try_from(child.id()).unwrap();
    let taken = numbers
        .split(' ')
        .map(|n| take(pid, n.parse().unwrap()))
        .collect();
    drop(child.stdin.take());
    child.wait().unwrap();
    taken
}

/// A descriptor of another process.
fn take(pid: i32, number: i32) -> Socket {
    // SAFETY: plain numbers go in; each call returns a new descriptor that nobody else owns.
    unsafe {
        let process = nix::libc::syscall(nix::libc::SYS_pidfd_open, pid, 0);
        assert!(process >= 0, "{}", std::io::Error::last_os_error());
        let process = OwnedFd::from_raw_fd(i32::try_from(process).unwrap());
        let fd = nix::libc::syscall(nix::libc::SYS_pidfd_getfd, process.as_raw_fd(), number, 0);
        assert!(fd >= 0, "{}", std::io::Error::last_os_error());
        Socket::from_raw_fd(i32::try_from(fd).unwrap())
    }
}

/// Runs a client in a cgroup folder and a network namespace.
pub(crate) fn ask_in(netns: &Path, dir: &Path, words: &str) -> peer::Outcome {
    outcome(words, &peer_command(netns, dir, words).output().unwrap())
}

fn outcome(words: &str, out: &std::process::Output) -> peer::Outcome {
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let line = text.lines().find_map(|l| l.strip_prefix("outcome "));
    serde_json::from_str(
        line.unwrap_or_else(|| panic!("{words}: {text} {}", String::from_utf8_lossy(&out.stderr))),
    )
    .unwrap()
}

/// A client that has its socket and waits for the word to use it.
pub(crate) struct Waiting {
    child: Child,
    words: String,
}

/// Starts a client with the flag `wait`; returns once it has its socket.
pub(crate) fn prepare_in(netns: &Path, dir: &Path, words: &str) -> Waiting {
    let mut command = peer_command(netns, dir, words);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let out = child.stdout.as_mut().unwrap();
    let mut seen = Vec::new();
    // Byte by byte: what follows is for whoever collects the outcome.
    while !seen.ends_with(b"ready\n") {
        let mut byte = [0];
        assert!(out.read(&mut byte).unwrap() > 0, "{words} ended early");
        seen.push(byte[0]);
    }
    Waiting {
        child,
        words: words.to_owned(),
    }
}

// === impl Waiting ===

impl Waiting {
    /// Gives the word; the client is under way then.
    pub(crate) fn start(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Until its SYN is on the way.
    pub(crate) fn wait_for_syn(&self) {
        let table = format!("/proc/{}/net/tcp", self.child.id());
        // The fourth column is the state, 02 is SYN_SENT.
        while !fs::read_to_string(&table)
            .unwrap()
            .lines()
            .any(|l| l.split_whitespace().nth(3) == Some("02"))
        {}
    }

    pub(crate) fn outcome(mut self) -> peer::Outcome {
        self.start();
        outcome(&self.words, &self.child.wait_with_output().unwrap())
    }
}

fn remove_folders(dir: &Path) {
    for child in fs::read_dir(dir).into_iter().flatten().flatten() {
        if child.file_type().is_ok_and(|t| t.is_dir()) {
            remove_folders(&child.path());
        }
    }
    fs::remove_dir(dir).ok();
}

fn is_bpffs() -> bool {
    fs::read_to_string("/proc/mounts")
        .unwrap()
        .lines()
        .any(|l| l.contains(" /sys/fs/bpf bpf "))
}

pub(crate) fn peer_command(netns: &Path, dir: &Path, words: &str) -> Command {
    let procs = dir.join("cgroup.procs");
    let netns = fs::File::open(netns).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "peer_process", "--nocapture"])
        .env(peer::WORDS, words);
    // SAFETY: between fork and exec only a file is written and a namespace entered.
    unsafe {
        command.pre_exec(move || {
            fs::write(&procs, "0")?;
            Ok(setns(&netns, CloneFlags::CLONE_NEWNET)?)
        })
    };
    command
}

pub(crate) fn entry(number: u32) -> Entry {
    Entry {
        workload: number,
        identity: Peer(256 + number),
        subject: number,
        observe: false,
        contained: false,
        moved: false,
        on_host: false,
    }
}

pub(crate) fn row(action: Action, rule: u32) -> RowValue {
    RowValue {
        verdict: PortValue {
            effect: action.into(),
            observe: false,
            rule,
            priority: 0,
        },
        table: 0,
        sizes: 0,
    }
}

pub(crate) fn rows(subject: u32, friends: &[Peer]) -> Vec<Step> {
    let classes = [
        PeerClass::Host,
        PeerClass::Lan,
        PeerClass::Metadata,
        PeerClass::Multicast,
        PeerClass::World,
        PeerClass::Workload,
    ];
    let mut compiled = Compiled::default();
    for class in classes {
        let peer = Peer(class as u32);
        compiled.rows.insert(
            RowKey {
                subject,
                peer,
                direction: Direction::Egress,
                plane: cofferdam_policy::Plane::FIRST,
            },
            row(Action::Allow, 1),
        );
        compiled.rows.insert(
            RowKey {
                subject,
                peer,
                direction: Direction::Ingress,
                plane: cofferdam_policy::Plane::FIRST,
            },
            row(Action::Deny, 2),
        );
    }
    for peer in friends {
        let key = RowKey {
            subject,
            peer: *peer,
            direction: Direction::Ingress,
            plane: cofferdam_policy::Plane::FIRST,
        };
        compiled.rows.insert(key, row(Action::Allow, 3));
    }
    let mut steps: Vec<Step> = compiled.rows.iter().map(|(k, v)| Step::SetRow(*k, *v)).collect();
    for (net, class) in base_prefixes() {
        steps.push(Step::SetPrefix(
            net,
            PrefixValue {
                peer: Peer(class as u32),
                class,
            },
        ));
    }
    steps
}

pub(crate) fn identity(number: u32) -> Peer {
    Peer(256 + number)
}
