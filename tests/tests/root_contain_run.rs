//! What `cofferdam run` takes from itself under strict containment before the command takes its place.
#![allow(clippy::expect_used, reason = "functions of a test")]

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use cofferdam_tests::binaries;
use cofferdam_tests::lab::{Lab, Outcome};
use cofferdam_tests::probe::{EPERM, Kind, Server};

mod stage;

use stage::Stage;

/// Prints the number of the error of each kind of socket, 0 for one that was made; then what the kernel says of the process.
const KINDS: &str = r#"
    my @kinds = (["tcp", 2, 1, 0], ["udp6", 10, 2, 0], ["unix", 1, 1, 0], ["route", 16, 3, 0], ["sock-diag", 16, 3, 4],
        ["audit", 16, 2, 9], ["packet", 17, 3, 0], ["old-packet", 2, 10, 0x300], ["raw", 2, 3, 1],
        ["raw6", 10, 3, 58], ["vsock", 40, 1, 0]);
    for (@kinds) { my ($name, @kind) = @$_; $! = 0; print "$name ", (socket(my $s, $kind[0], $kind[1], $kind[2]) ? 0 : $! + 0), "\n" }
    $! = 0; my $ring = "\0" x 120; print "io_uring ", (syscall(425, 1, $ring) < 0 ? $! + 0 : 0), "\n";
    if (`uname -m` =~ /x86_64/) { $! = 0; print "x32 ", (syscall(0x40000029, 17, 3, 0) < 0 ? $! + 0 : 0), "\n" }
    open(my $status, "<", "/proc/self/status"); /^(Cap...|NoNewPrivs|Seccomp):\s*(\S+)/ and print "$1 $2\n" for <$status>;
"#;
const NET_RAW: u64 = 1 << 13;
/// NET_BROADCAST, NET_ADMIN, SYS_MODULE, SYS_RAWIO, SYS_PTRACE, SYS_ADMIN, SYS_BOOT, MAC_OVERRIDE, MAC_ADMIN, PERFMON, BPF
const GIVEN_UP: u64 = 1 << 11
    | 1 << 12
    | 1 << 16
    | 1 << 17
    | 1 << 19
    | 1 << 21
    | 1 << 22
    | 1 << 32
    | 1 << 33
    | 1 << 38
    | 1 << 39;

/// What a process may do.
#[derive(Debug)]
struct Found {
    kinds: BTreeMap<String, i32>,
    status: BTreeMap<String, u64>,
}

impl Found {
    fn of(said: &str) -> Self {
        let lines = said.lines().filter_map(|line| line.split_once(' '));
        let (kinds, status): (Vec<_>, Vec<_>) =
            lines.partition(|(name, _)| name.starts_with(char::is_lowercase));
        let number = |value: &str| value.parse().expect("a number of an error");
        let hexadecimal = |value: &str| u64::from_str_radix(value, 16).expect("hexadecimal");
        let kinds = kinds
            .into_iter()
            .map(|(name, value)| (name.to_owned(), number(value)));
        let status = status
            .into_iter()
            .map(|(name, value)| (name.to_owned(), hexadecimal(value)));
        let found = Self {
            kinds: kinds.collect(),
            status: status.collect(),
        };
        assert!(found.kinds.len() > 11 && found.status.len() > 6, "{said}");
        found
    }

    fn refused(&self) -> Vec<&str> {
        let refused = self.kinds.iter().filter(|(_, error)| **error == EPERM);
        refused.map(|(name, _)| name.as_str()).collect()
    }

    /// Whether it is in none of the sets.
    fn lacks(&self, capabilities: u64) -> bool {
        let sets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
        sets.iter().all(|set| self.status[*set] & capabilities == 0)
    }

    fn is_free(&self) -> bool {
        self.refused().is_empty() && self.status["NoNewPrivs"] == 0 && self.status["Seccomp"] == 0
    }
}

fn found(lab: &Lab, run_args: &[&str]) -> Found {
    let outcome = lab.run(run_args, &["perl", "-e", KINDS]).expect("run");
    Found::of(&outcome.ok().expect("run"))
}

/// Every kind that a strict run is refused on this machine.
fn all_kinds() -> Vec<&'static str> {
    let all = [
        "audit",
        "io_uring",
        "old-packet",
        "packet",
        "raw",
        "raw6",
        "sock-diag",
        "vsock",
        "x32",
    ];
    let here = all
        .into_iter()
        .filter(|kind| *kind != "x32" || cfg!(target_arch = "x86_64"));
    here.collect()
}

/// G-RUN-CONTAINED: a strict run has the kinds of sockets that were declared, and no capability that makes others; its
/// children have no more.
#[test]
fn root_a_strict_run_has_what_was_declared() {
    let stage = Stage::new();
    let lab = &stage.lab;
    let free = found(lab, &["--label", "app=x"]);
    assert!(free.is_free(), "{free:?}");
    assert!(!free.lacks(NET_RAW) && !free.lacks(GIVEN_UP));
    let strict = ["--label", "app=x", "--contain", "strict"];
    let contained = found(lab, &strict);
    assert_eq!(contained.refused(), all_kinds());
    assert!(contained.lacks(NET_RAW | GIVEN_UP), "{contained:?}");
    assert_eq!(
        (contained.status["NoNewPrivs"], contained.status["Seccomp"]),
        (1, 2)
    );
    assert_ne!(contained.status["CapEff"], 0, "the others stay");
    let child = ["sh", "-c", r#"perl -e "$1"; true"#, "sh", KINDS];
    let child = lab.run(&strict, &child).expect("run").ok().expect("run");
    let child = Found::of(&child);
    assert_eq!(child.refused(), all_kinds());
    assert!(child.lacks(NET_RAW | GIVEN_UP), "{child:?}");
    for (allow, kinds) in [
        ("raw", &["raw", "raw6"][..]),
        ("packet", &["old-packet", "packet", "x32"]),
        ("vsock", &["vsock"]),
        ("netlink:sock-diag", &["sock-diag"]),
        ("netlink", &["audit", "sock-diag"]),
    ] {
        let some = found(lab, &[&strict[..], &["--allow", allow]].concat());
        let others = all_kinds().into_iter().filter(|kind| !kinds.contains(kind));
        assert_eq!(some.refused(), others.collect::<Vec<_>>(), "{allow}");
        assert_eq!(
            some.lacks(NET_RAW),
            !["raw", "packet"].contains(&allow),
            "{allow}"
        );
        assert!(some.lacks(GIVEN_UP), "{allow}");
    }
}

/// G-RUN-CONTAINED: what a strict run needs of the network it has: addresses of interfaces, names, its peers.
#[test]
fn root_a_strict_run_still_talks() {
    let stage = Stage::new();
    let strict = ["--label", "app=web", "--contain", "strict", "--loopback", "host"];
    let probe = binaries::probe().expect("probe").display().to_string();
    let flags = [&strict[..], &["--bind", "7001/tcp", "--"]].concat();
    let serve = [
        &["run"],
        &flags[..],
        &[probe.as_str(), "serve", "web", "tcp", "127.0.0.1:7001"],
    ]
    .concat();
    let mut command = stage.lab.host.command(
        binaries::cofferdam().expect("cofferdam"),
        &stage.lab.arguments(&serve),
    );
    let _web = Server::start(&stage.lab.host, &mut command).expect("a server");
    let tries = |flags: &[&str]| {
        let arguments = cofferdam_tests::probe::arguments(Kind::Tcp, "127.0.0.1:7001", 2);
        let mut program = vec![probe.as_str()];
        program.extend(arguments.iter().map(String::as_str));
        let said = stage.lab.run(flags, &program).expect("run").ok().expect("run");
        serde_json::from_str::<cofferdam_tests::probe::Attempts>(&said).expect("attempts")
    };
    assert!(tries(&strict).all_answered("web"));
    assert!(tries(&["--label", "app=web"]).all_answered("web"));
    assert!(tries(&["--label", "app=x", "--contain", "strict", "--loopback", "host"]).all_refused());
    for program in [&["getent", "hosts", "localhost"][..], &["ip", "-br", "address"]] {
        stage
            .lab
            .run(&strict, program)
            .expect("run")
            .ok()
            .expect("it works");
    }
}

/// G-RUN-CONTAINED: abstract unix sockets of others are out of reach of a strict run, its own are not, and what is declared
/// is.
#[test]
fn root_a_strict_run_has_its_own_abstract_sockets() {
    const LISTEN: &str = r#"socket(my $s, 1, 1, 0); bind($s, pack("S a*", 1, "\0$ARGV[0]")) or die $!; listen($s, 9);
        $| = 1; print "ready\n"; sleep 600"#;
    const CONNECT: &str =
        r#"socket(my $s, 1, 1, 0); print connect($s, pack("S a*", 1, "\0$ARGV[0]")) ? 0 : $! + 0"#;
    const OWN: &str = r#"perl -e "$1" "$3" >/dev/null & for i in $(seq 100); do
        said=$(perl -e "$2" "$3"); [ "$said" = 0 ] && break; sleep 0.1; done; kill $!; echo "$said""#;
    let stage = Stage::new();
    let name = format!("cofferdam.test/{}", std::process::id());
    let mut command = stage.lab.host.command("perl", &["-e", LISTEN, &name]);
    let _stranger = Server::start(&stage.lab.host, &mut command).expect("a listener");
    let connect = |flags: &[&str], program: &[&str]| {
        let flags = [&["--label", "app=x", "--contain", "strict"], flags].concat();
        stage.lab.run(&flags, program).expect("run").ok().expect("run")
    };
    let direct = ["perl", "-e", CONNECT, &name];
    assert_eq!(connect(&[], &direct), "1");
    let declared = format!("abstract:@{name}");
    assert_eq!(connect(&["--allow", &declared], &direct), "0");
    assert_eq!(connect(&["--allow", "abstract:@cofferdam.test/*"], &direct), "0");
    let own = ["sh", "-c", OWN, "sh", LISTEN, CONNECT, &format!("own/{name}")];
    assert_eq!(connect(&[], &own).trim(), "0");
}

/// G-RUN-CONTAINED: programs of another architecture, whose calls nobody looks into, do not run under strict.
#[test]
#[cfg(target_arch = "x86_64")]
fn root_a_strict_run_has_no_calls_of_other_architectures() {
    const SOCKET: &str = r#"int main(void) { long made; __asm__ volatile("int $0x80" : "=a"(made)
        : "a"(359), "b"(17), "c"(3), "d"(0)); return made < 0; }"#;
    let stage = Stage::new();
    let (source, program) = (
        stage.lab.paths.state.join("int80.c"),
        stage.lab.paths.state.join("int80"),
    );
    fs::write(&source, SOCKET).expect("a file");
    let made = Command::new("cc")
        .args(["-static", "-o"])
        .args([&program, &source])
        .status();
    assert!(made.expect("cc").success());
    let program = program.display().to_string();
    let run = |flags: &[&str]| stage.lab.run(flags, &[&program]).expect("run");
    let free = run(&["--label", "app=x"]);
    if !free.success() {
        println!("skipped: this kernel has no calls of 32-bit programs: {free}");
        return;
    }
    let strict = run(&["--label", "app=x", "--contain", "strict"]);
    assert!(!strict.success() && strict.code != Some(1), "{strict}");
}

/// G-RUN-CONTAINED: the configuration may say that runs are strict; who is observed, or not protected, keeps what he has.
#[test]
fn root_runs_are_strict_where_the_configuration_says_so() {
    let lab = Lab::new().expect("a lab");
    fs::write(&lab.paths.config, "contain = \"strict\"\n").expect("a file");
    let _daemon = lab.daemon(&[]).expect("a daemon");
    assert_eq!(found(&lab, &["--label", "app=x"]).refused(), all_kinds());
    let looser = found(&lab, &["--label", "app=x", "--contain", "default"]);
    assert!(looser.is_free(), "{looser:?}");
    let observed = found(&lab, &["--label", "app=x", "--label", "cofferdam.mode=observe"]);
    assert!(observed.is_free(), "{observed:?}");
    assert!(found(&lab, &[]).is_free(), "it has no label");
    let alone = found(&lab, &["--contain", "strict"]);
    assert_eq!(
        alone.refused(),
        all_kinds(),
        "it is protected without a label, too"
    );
}

/// G-RUN-CONTAINED: who may run something may give up what he likes, and claims nothing by it.
#[test]
fn root_an_ordinary_user_may_be_strict() {
    let lab = Lab::new().expect("a lab");
    let allow = "[socket]\ngroup = \"nogroup\"\n[[allow]]\nuser = \"nobody\"\nlabels = [\"app=x\"]\n";
    fs::write(&lab.paths.config, allow).expect("a file");
    let _daemon = lab.daemon(&[]).expect("a daemon");
    let by_nobody = |flags: &[&str]| -> Outcome {
        let run = [&["run", "--label", "app=x"], flags, &["--", "perl", "-e", KINDS]].concat();
        let mut args: Vec<String> = ["--reuid=65534", "--regid=65534", "--clear-groups"]
            .map(String::from)
            .into();
        args.push(binaries::cofferdam().expect("cofferdam").display().to_string());
        args.extend(lab.arguments(&run));
        lab.host.run("setpriv", &args).expect("setpriv")
    };
    let strict = Found::of(&by_nobody(&["--contain", "strict"]).ok().expect("run"));
    assert_eq!(strict.refused(), all_kinds());
    assert!((strict.status["NoNewPrivs"], strict.status["Seccomp"]) == (1, 2));
    assert_eq!(strict.status["CapPrm"], 0);
    let more = by_nobody(&["--contain", "strict", "--bind", "80"]);
    assert_eq!(more.code, Some(125), "{more}");
    assert!(
        more.stderr
            .contains("you may not claim the label cofferdam.bind=80"),
        "{more}"
    );
}

/// G-RUN-CONTAINED: a flag with a mistake starts nothing.
#[test]
fn root_a_mistake_in_what_is_declared_starts_nothing() {
    let stage = Stage::new();
    let mark = stage.lab.paths.state.join("started");
    let mark = mark.display().to_string();
    for (flags, says) in [
        (
            &["--bind", "8080:80"][..],
            r#"--bind "8080:80": column 1: "8080:80" is not a port"#,
        ),
        (&["--interfaces", "eth*"], "there are no wildcards"),
        (
            &["--allow", "raw", "--allow", "pakcet"],
            r#"--allow "raw, pakcet": column 6"#,
        ),
        (&["--loopback", "Private"], r#""Private" is not a loopback"#),
    ] {
        let flags = [&["--label", "app=x"], flags].concat();
        let outcome = stage.lab.run(&flags, &["touch", &mark]).expect("run");
        assert_eq!(outcome.code, Some(125), "{outcome}");
        stage::one_line_and_hint(&outcome);
        assert!(outcome.stderr.contains(says), "{outcome}");
    }
    assert!(!std::path::Path::new(&mark).exists());
}
