//! G-SAME-CALLS: a workload that is not protected makes the same system calls, with the same results, as without the product:
//! while a daemon protects others, and after it was killed.
#![allow(clippy::expect_used, reason = "functions of a test")]

use cofferdam_tests::lab::Lab;
use cofferdam_tests::probe;
use cofferdam_tests::same_calls::{self, PROGRAMS, Program, Traces};
use cofferdam_tests::walkthrough::scene::eventually;

/// Protected workloads: arguments of `docker run` and of the probe in it. The ports of those who have a loopback of their own
/// are strangers' ports, too.
const NEIGHBOURS: &[(&str, &[&str], [&str; 2])] = &[
    ("web", &["-l", "app=web"], ["tcp", "[::]:7001"]),
    ("store", &["-l", "app=store"], ["udp", "127.0.0.1:7002"]),
    ("strict4", STRICT, ["tcp", "127.0.0.1:7403"]),
    ("strict6", STRICT, ["tcp", "[::1]:7403"]),
    ("strict4u", STRICT, ["udp", "127.0.0.1:7403"]),
    ("strict6u", STRICT, ["udp", "[::1]:7403"]),
    ("cache", STRICT, ["tcp", "127.0.0.1:7412"]),
    (
        "private",
        &["-l", "app=private", "-l", "cofferdam.loopback=private"],
        ["tcp", "[::1]:7414"],
    ),
];

const STRICT: &[&str] = &["-l", "app=strict", "-l", "cofferdam.contain=strict"];

/// Without a daemon, with one, and once it was killed: on the host, or inside of such a container.
fn play(names: &[&str], container: Option<&[&str]>) {
    let lab = Lab::new().expect("a lab");
    let _lan = probe::serve(&lab.lan, "lan", "tcp", "[::]:7404").expect("a server");
    let programs: Vec<&Program> = PROGRAMS.iter().filter(|p| names.contains(&p.name)).collect();
    for program in &programs {
        program.prepare(&lab).expect(program.name);
        if program.name == "calls" {
            same_calls::compile(&program.folder(&lab)).expect("a program");
        }
    }
    if let Some(flags) = container {
        let state = lab.paths.state.display();
        let state = format!("{state}:{state}");
        let mut args = vec![
            "run",
            "-d",
            "--name",
            "box",
            "--cap-add",
            "SYS_PTRACE",
            "-v",
            &state,
        ];
        args.extend(["-v", "/usr:/usr:ro"].iter().chain(flags));
        args.extend(["debian", "sleep", "600"]);
        lab.engine.docker(&args).expect("docker run");
        // A host of its own has the addresses that are tried, too.
        let add = "ip addr add 192.168.77.1/32 dev lo; ip addr add fd77::1/128 dev lo nodad; true";
        let pid = lab.engine.pid("box").expect("a process").to_string();
        let enter = ["-t", &pid, "-n", "sh", "-c", add];
        lab.host.must("nsenter", &enter).expect("addresses");
    }
    let turn = || {
        let trace = |program: &&Program| program.trace(&lab, container.map(|_| "box")).expect(program.name);
        programs.iter().map(trace).collect::<Vec<Traces>>()
    };
    let without = turn();
    compare("without a daemon, twice", &without, &turn());
    let mut daemon = lab.daemon(&[]).expect("a daemon");
    neighbours(&lab);
    compare("with a daemon", &without, &turn());
    daemon.end(nix::sys::signal::Signal::SIGKILL).expect("an end");
    compare("once the daemon was killed", &without, &turn());
    let traces = without.iter().flatten().flat_map(|(_, trace)| trace);
    let calls: usize = traces.map(Vec::len).sum();
    assert!(calls > 1000, "{calls} calls are no trace");
    eprintln!("{}: {calls} calls, each the same", names.join(", "));
}

fn compare(when: &str, before: &[Traces], after: &[Traces]) {
    for (before, after) in before.iter().zip(after) {
        if let Some(difference) = same_calls::difference(before, after) {
            panic!("{when}: {difference}");
        }
    }
}

/// Those who are protected meanwhile, some on the strangers' own ports.
fn neighbours(lab: &Lab) {
    for (name, labels, [protocol, address]) in NEIGHBOURS {
        let mut args = vec!["run", "-d", "--net=host", "--name", name];
        args.extend(*labels);
        args.extend(["curl", "cofferdam-probe", "serve", name, protocol, address]);
        lab.engine.docker(&args).expect("docker run");
        let listens = || Ok(lab.engine.docker(&["logs", name])?.contains("ready"));
        eventually(&format!("{name} listens"), listens).expect("a server");
    }
}

#[test]
fn root_strangers_make_the_same_calls() {
    play(&["calls"], None);
}

#[test]
fn root_containers_of_strangers_make_the_same_calls() {
    play(&["calls"], Some(&["--net=host"]));
}

#[test]
fn root_bridged_containers_of_strangers_make_the_same_calls() {
    play(&["calls"], Some(&[]));
}

#[test]
fn root_nginx_of_a_stranger_makes_the_same_calls() {
    play(&["nginx"], None);
}

#[test]
fn root_databases_of_a_stranger_make_the_same_calls() {
    play(&["redis", "postgres"], None);
}
