//! A workload as a process of its own: it listens, and it tries whatever it is told to, all at once. A socket belongs to
//! the cgroup of the process that made it, so there is one such process a cgroup.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::libc::EINPROGRESS;
use serde::{Deserialize, Serialize};
use socket2::{Domain, Socket, Type};

use crate::support::peer::slowness;
use crate::support::peer_command;

/// What it is told, a line each.
#[derive(Serialize, Deserialize)]
pub(crate) enum Order {
    /// Listen there for good, and answer with that name.
    Serve(String, Vec<Door>),
    /// Try these at once.
    Try(Vec<Call>),
    /// Whether somebody answered since, whom it had given up; and let them go.
    Late,
}

/// Where somebody listens.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Door {
    pub(crate) udp: bool,
    pub(crate) at: SocketAddr,
}

/// One attempt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Call {
    /// The address to call from, where the kernel is not to choose.
    pub(crate) from: Option<IpAddr>,
    pub(crate) to: Door,
    /// A datagram socket that is connected; else `sendto`.
    pub(crate) connected: bool,
    /// An answer is expected, so it is worth waiting for. Decides nothing else.
    pub(crate) hope: bool,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fate {
    /// By whom.
    Answered(String),
    /// With this error.
    Refused(i32),
    /// Nothing came.
    Silent,
}

/// How long nothing may come until it counts as silence: what is sent on one machine is there in microseconds.
const SETTLED: Duration = Duration::from_millis(100);
/// How long an expected answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// The process, from outside.
pub(crate) struct Pod {
    child: Child,
    orders: ChildStdin,
    replies: BufReader<ChildStdout>,
}

// === impl Pod ===

impl Pod {
    /// The word after which the process plays a pod.
    pub(crate) const WORD: &str = "pod";

    pub(crate) fn start(netns: &Path, cgroup: &Path) -> Self {
        let mut command = peer_command(netns, cgroup, Self::WORD);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = child.stdin.take().unwrap();
        let replies = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            orders,
            replies,
        }
    }

    /// Gives an order and does not wait for the reply.
    pub(crate) fn order(&mut self, order: &Order) {
        let line = serde_json::to_string(order).unwrap();
        writeln!(self.orders, "{line}").unwrap();
    }

    /// The reply to the oldest order that has none.
    pub(crate) fn reply(&mut self) -> Vec<Fate> {
        loop {
            let mut line = String::new();
            assert!(
                self.replies.read_line(&mut line).unwrap() > 0,
                "a pod ended early"
            );
            if let Some(fates) = line.trim().strip_prefix("fates ") {
                return serde_json::from_str(fates).unwrap();
            }
        }
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What the process does, until nobody gives orders any more.
pub(crate) fn play() {
    let mut silent = Vec::new();
    for line in std::io::stdin().lines() {
        let fates = match serde_json::from_str(&line.unwrap()).unwrap() {
            Order::Serve(name, doors) => {
                doors.iter().for_each(|door| serve(&name, *door));
                Vec::new()
            }
            Order::Try(calls) => {
                let mut attempts: Vec<Attempt> = calls.iter().map(Attempt::new).collect();
                wait(&mut attempts);
                let fates = attempts.iter().map(|a| a.fate.clone()).collect();
                silent.extend(attempts.into_iter().filter(|a| a.fate == Fate::Silent));
                fates
            }
            Order::Late => {
                silent.iter_mut().for_each(Attempt::look);
                let late = silent.drain(..).map(|attempt| attempt.fate);
                late.filter(|fate| matches!(fate, Fate::Answered(_))).collect()
            }
        };
        println!("\nfates {}", serde_json::to_string(&fates).unwrap());
    }
}

fn serve(name: &str, door: Door) {
    let name = name.to_owned();
    if door.udp {
        let socket = UdpSocket::bind(door.at).unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 64];
            loop {
                // A client that has gone shows as an error of the next call.
                if let Ok((_, from)) = socket.recv_from(&mut buffer) {
                    socket.send_to(name.as_bytes(), from).ok();
                }
            }
        });
    } else {
        let listener = TcpListener::bind(door.at).unwrap();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                stream.write_all(name.as_bytes()).ok();
            }
        });
    }
}

struct Attempt {
    socket: Option<Socket>,
    hope: bool,
    fate: Fate,
}

fn wait(attempts: &mut [Attempt]) {
    let start = Instant::now();
    let mut quiet_since = start;
    loop {
        let open = |a: &&mut Attempt| a.fate == Fate::Silent;
        let before = attempts.iter_mut().filter(open).count();
        attempts.iter_mut().filter(open).for_each(Attempt::look);
        let left = attempts.iter_mut().filter(open).count();
        if left < before {
            quiet_since = Instant::now();
        }
        let patience = if attempts.iter_mut().filter(open).any(|a| a.hope) {
            PATIENCE
        } else {
            SETTLED
        };
        if left == 0 || quiet_since.elapsed() > patience * slowness() {
            return;
        }
        thread::sleep(Duration::from_micros(500));
    }
}

// === impl Attempt ===

impl Attempt {
    fn new(call: &Call) -> Self {
        let (socket, fate) = match begin(call) {
            Ok(socket) => (Some(socket), Fate::Silent),
            Err(error) => (None, Fate::Refused(error.raw_os_error().unwrap_or(-1))),
        };
        Self {
            socket,
            hope: call.hope,
            fate,
        }
    }

    fn look(&mut self) {
        let mut bytes = [0; 64];
        let Some(read) = self.socket.as_mut().map(|socket| socket.read(&mut bytes)) else {
            return;
        };
        self.fate = match read {
            Ok(length) => Fate::Answered(String::from_utf8_lossy(&bytes[..length]).into_owned()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => Fate::Refused(error.raw_os_error().unwrap_or(-1)),
        };
    }
}

/// As far as it goes without waiting.
fn begin(call: &Call) -> std::io::Result<Socket> {
    let kind = if call.to.udp { Type::DGRAM } else { Type::STREAM };
    let socket = Socket::new(Domain::for_address(call.to.at), kind, None)?;
    socket.set_nonblocking(true)?;
    if let Some(from) = call.from {
        socket.bind(&SocketAddr::new(from, 0).into())?;
    }
    let to = call.to.at.into();
    if call.to.udp && !call.connected {
        socket.send_to(b"x", &to)?;
        return Ok(socket);
    }
    match socket.connect(&to) {
        Err(error) if error.raw_os_error() != Some(EINPROGRESS) => return Err(error),
        _ if call.to.udp => drop(socket.send(b"x")?),
        _ => {}
    }
    Ok(socket)
}
