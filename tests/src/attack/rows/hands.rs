//! Sockets and processes that change hands, and policies that change under them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{
    Answers, Attacker, CONNECT, Group, NO_RAW, PACKETS, Row, SENDMSG, Scene, Seen, open, row, staged, stopped,
};
use crate::attack::running::Running;
use crate::attack::strikes::write_policy;
use crate::attack::{Level, Origin};
use crate::probe::Server;

/// Who gives a socket away.
#[derive(Clone, Copy)]
enum Giver {
    /// A process with the victim's labels.
    Friend,
    /// One of the host.
    Host,
}

fn passed(scene: &Scene, attacker: Attacker, giver: Giver, what: &str, take: &str) -> Result<Seen> {
    let over = scene.shared(&format!("door-{}", scene.token()));
    let over = format!("over={}", over.display());
    let words: Vec<&str> = ["give"]
        .into_iter()
        .chain(what.split(' '))
        .chain([over.as_str()])
        .collect();
    let mut command = match giver {
        Giver::Friend => scene.command(&["--label", "app=victim"], &words)?,
        Giver::Host => scene.plain_command(&words),
    };
    let _giver = Running::start(&scene.lab.host, &mut command)?;
    if !take.contains("how=accept") {
        return scene.strike(attacker, &format!("take {over} {take}"));
    }
    let (running, token) = scene.begin(attacker, &format!("take {over} {take} bait=bait- ms=700"))?;
    scene.plain("tcp to=127.0.0.1:7130 token=bait-1 ms=300")?;
    scene.end(running, &token)
}

/// A process of the attacker's that goes to another cgroup.
fn moved(scene: &Scene, attacker: Attacker, to: Giver, words: &str) -> Result<Seen> {
    let (cgroup, _keeper) = match to {
        Giver::Host => (scene.lab.host.cgroup().to_path_buf(), None),
        Giver::Friend => {
            let mut command = scene.command(
                &["--label", "app=victim"],
                &["serve", "name=keeper", "log=/dev/null", "udp=127.0.0.1:7140"],
            )?;
            let keeper = Server::start(&scene.lab.host, &mut command)?;
            (cgroup_of(keeper.pid())?, Some(keeper))
        }
    };
    scene.strike(attacker, &format!("move cgroup={} {words}", cgroup.display()))
}

fn cgroup_of(pid: u32) -> Result<std::path::PathBuf> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    let own = text
        .lines()
        .find_map(|line| line.strip_prefix("0::/"))
        .context("no cgroup2")?;
    Ok(crate::lab::control_group::v2_mount()?.join(own))
}

const DENY: &str = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: late}, \
spec: {podSelector: {matchLabels: {role: late}}, policyTypes: [Egress], egress: []}}";

/// A socket that is made while everything is allowed, and used when the policy has come.
fn early(scene: &Scene, attacker: Attacker, words: &str) -> Result<Seen> {
    let token = scene.token();
    let mut words: Vec<&str> = words.split(' ').collect();
    let last = format!("token={token}");
    words.push(&last);
    let labels = ["role=late", "cofferdam.profile=allow", "cofferdam.contain=strict"];
    let labels = &labels[..if attacker.level == Level::Strict { 3 } else { 2 }];
    let mut command = match attacker.origin {
        Origin::Container => {
            let mut args = vec!["--net=host"];
            args.extend(labels.iter().flat_map(|label| ["-l", label]));
            scene.idle("late", &args, &["sleep", "60"])?;
            scene.exec("late", &words)?
        }
        Origin::Process => {
            let args: Vec<&str> = labels.iter().flat_map(|label| ["--label", label]).collect();
            scene.command(&args, &words)?
        }
    };
    let mut running = Running::start(&scene.lab.host, &mut command)?;
    scene.policy("late", Some(DENY))?;
    if scene.daemon.is_some() {
        // What is established may go on for a second.
        std::thread::sleep(Duration::from_millis(1100));
    }
    running.go();
    let seen = scene.end(running, &token);
    scene.policy("late", None)?;
    if attacker.origin == Origin::Container {
        scene.lab.engine.docker(&["rm", "-f", "late"])?;
    }
    seen
}

/// Policies of the victim's that neither let the attacker in.
fn swaps(at: usize) -> String {
    let friend = ["one", "two"][at % 2];
    format!(
        "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: swap}}, spec: {{podSelector: \
         {{matchLabels: {{app: victim}}}}, policyTypes: [Ingress], ingress: [{{from: [{{podSelector: {{matchLabels: \
         {{app: {friend}}}}}}}]}}]}}}}"
    )
}

fn race(scene: &Scene, attacker: Attacker, words: &str) -> Result<Seen> {
    let (running, token) = scene.begin(attacker, words)?;
    let done = AtomicBool::new(false);
    let folder = scene.lab.paths.policies.clone();
    let seen = std::thread::scope(|scope| {
        let swapping = scope.spawn(|| {
            let mut at = 0;
            while !done.load(Ordering::Relaxed) {
                write_policy(&folder, "swap", &swaps(at))?;
                at += 1;
                std::thread::sleep(Duration::from_millis(40));
            }
            anyhow::Ok(at)
        });
        let seen = scene.end(running, &token);
        done.store(true, Ordering::Relaxed);
        let swapped = swapping
            .join()
            .map_err(|_| anyhow::anyhow!("a swap panicked"))??;
        ensure!(swapped > 5, "only {swapped} swaps");
        seen
    });
    scene.policy("swap", None)?;
    seen
}

const GIVEN: Answers = Answers::always(open(
    "the socket belongs to who made it, and gave it away",
    "a workload that gives its sockets to nobody else",
));
const FOREIGN: Answers = Answers::always(stopped("the connect hook: the socket is another's"));
const SOCKETS: Answers = FOREIGN.but_docker("Docker: no cgroup of another is there");
const BELOW: Answers =
    Answers::always(CONNECT).but_docker("Docker: no cgroup2 is there, and none can be mounted");
const BELOW_SENT: Answers =
    Answers::always(SENDMSG).but_docker("Docker: no cgroup2 is there, and none can be mounted");
const OLD: Answers = Answers::always(stopped("the end of flows that a policy denies"));
const SECOND: Answers = Answers::always(CONNECT).but_docker("Docker: no CAP_BPF");

pub(super) const PASSED: Group = Group {
    name: "passed",
    about: "sockets that are passed to another workload",
    rows: PASSED_ROWS,
};

pub(super) const CGROUPS: Group = Group {
    name: "cgroups",
    about: "processes that move, nested cgroups and containers, a second BPF user",
    rows: CGROUP_ROWS,
};

pub(super) const SWAPS: Group = Group {
    name: "swaps",
    about: "connections that are older than the policy, and attempts while it changes",
    rows: SWAP_ROWS,
};

pub(super) const OLDER: Group = Group {
    name: "older",
    about: "datagram and raw sockets that are older than the policy",
    rows: OLDER_ROWS,
};

macro_rules! passing {
    ($name:literal, $giver:ident, $what:literal, $take:literal, $answers:expr) => {
        staged(
            $name,
            |scene, attacker| passed(scene, attacker, Giver::$giver, $what, $take),
            $answers,
        )
    };
}

macro_rules! moving {
    ($name:literal, $to:ident, $words:literal, $answers:expr) => {
        staged(
            $name,
            |scene, attacker| moved(scene, attacker, Giver::$to, $words),
            $answers,
        )
    };
}

macro_rules! old {
    ($name:literal, $words:literal, $answers:expr) => {
        staged($name, |scene, attacker| early(scene, attacker, $words), $answers)
    };
}

const PASSED_ROWS: &[Row] = &[
    passing!(
        "a friend's connection, passed",
        Friend,
        "what=connected to=127.0.0.1:7001",
        "how=send",
        GIVEN
    ),
    passing!(
        "a connection of the host's, passed",
        Host,
        "what=connected to=127.0.0.1:7101",
        "how=send",
        GIVEN
    ),
    passing!(
        "a listening socket of the host's, passed",
        Host,
        "what=listening at=127.0.0.1:7130",
        "how=accept",
        GIVEN
    ),
    passing!(
        "a friend's unconnected socket, passed",
        Friend,
        "what=blank-tcp",
        "how=connect to=127.0.0.1:7001",
        FOREIGN
    ),
    passing!(
        "a socket of the host's, passed, to a workload",
        Host,
        "what=blank-tcp",
        "how=connect to=127.0.0.1:7001",
        FOREIGN
    ),
    passing!(
        "a socket of the host's, passed, to a process",
        Host,
        "what=blank-tcp",
        "how=connect to=127.0.0.1:7101",
        FOREIGN
    ),
    passing!(
        "a friend's datagram socket, passed",
        Friend,
        "what=blank-udp",
        "how=sendto to=127.0.0.1:7001",
        FOREIGN
    ),
    passing!(
        "a datagram socket of the host's, passed",
        Host,
        "what=blank-udp",
        "how=sendto to=127.0.0.1:7101",
        FOREIGN
    ),
    passing!(
        "a raw socket of the host's, passed",
        Host,
        "what=raw",
        "how=packet to=127.0.0.1:7101",
        GIVEN
    ),
];

const CGROUP_ROWS: &[Row] = &[
    moving!(
        "moved to a friend's cgroup, TCP",
        Friend,
        "how=tcp to=127.0.0.1:7001",
        SOCKETS
    ),
    moving!(
        "moved to a friend's cgroup, UDP",
        Friend,
        "how=udp to=127.0.0.1:7001",
        SOCKETS
    ),
    moving!(
        "moved while it connects",
        Friend,
        "how=connecting to=127.0.0.1:7001",
        SOCKETS
    ),
    moving!(
        "moved out of every workload, TCP",
        Host,
        "how=tcp to=127.0.0.1:7101",
        SOCKETS
    ),
    moving!(
        "moved out of every workload, UDP",
        Host,
        "how=udp to=127.0.0.1:7101",
        SOCKETS
    ),
    moving!(
        "moved out of every workload, a new socket",
        Host,
        "how=fresh to=127.0.0.1:7101",
        Answers::always(open(
            "root on the host moves itself wherever it wants",
            "another user than root, or a container",
        ))
        .but_docker("Docker: no cgroup of another is there")
    ),
    row(
        "from a cgroup below its own, TCP",
        "nest then=tcp to=127.0.0.1:7001",
        BELOW,
    ),
    row(
        "from a cgroup below its own, UDP",
        "nest then=udp to=127.0.0.1:7101",
        BELOW_SENT,
    ),
    row(
        "from a nested container's cgroup and namespaces",
        "nest then=tcp container=yes to=127.0.0.1:7101",
        BELOW,
    ),
    row(
        "a second BPF program that allows, TCP",
        "bpf then=tcp to=127.0.0.1:7001",
        SECOND,
    ),
    row(
        "a second BPF program that allows, UDP",
        "bpf then=udp to=127.0.0.1:7101",
        SECOND,
    ),
    row(
        "a second BPF program that wants to be alone",
        "bpf then=tcp flags=alone to=127.0.0.1:7101",
        SECOND,
    ),
];

const SWAP_ROWS: &[Row] = &[
    old!(
        "a connection from before the policy",
        "early how=tcp to=192.168.77.1:7101 ms=500",
        OLD
    ),
    old!(
        "a connection in the backlog when the policy comes",
        "early how=tcp to=192.168.77.1:7108",
        OLD
    ),
    staged(
        "connects while policies are swapped",
        |scene, attacker| race(scene, attacker, "race to=127.0.0.1:7001 ms=1500"),
        Answers::always(CONNECT),
    ),
];

const OLDER_ROWS: &[Row] = &[
    old!(
        "a connected datagram socket from before the policy",
        "early how=udp to=192.168.77.1:7101 ms=500",
        OLD
    ),
    old!(
        "a datagram socket from before the policy",
        "early how=blank to=192.168.77.1:7101 ms=500",
        Answers::always(SENDMSG)
    ),
    old!(
        "a raw socket from before the policy",
        "early how=raw to=192.168.77.1:7101 ms=500",
        Answers::levels(PACKETS, NO_RAW)
    ),
];
