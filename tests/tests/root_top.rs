//! `cofferdam top` in a real terminal, with real workloads.
#![allow(clippy::expect_used, reason = "functions of a test")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cofferdam_tests::probe::Kind;
use cofferdam_tests::screen::Screen;
use cofferdam_tests::walkthrough::scene::eventually;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

mod stage;

use stage::Stage;

const SERVER: &str = "127.0.0.1:7001";
/// How long much happens.
const FLOOD: Duration = Duration::from_secs(5);

/// A server, and a client whose labels are others: two containers on the host's network.
fn shop() -> Stage {
    let stage = Stage::new();
    stage.serve("web", &["-l", "app=web", "--net=host"], "tcp", SERVER);
    stage.serve("other", &["-l", "app=x", "--net=host"], "tcp", "127.0.0.1:7002");
    stage
}

fn screen(stage: &Stage, size: (u16, u16), variables: &[(&str, &str)]) -> Screen {
    Screen::open(&stage.lab.host, &stage.lab.paths.state, size, variables).expect("a terminal")
}

fn line(stage: &Stage, filter: &[&str]) -> Vec<String> {
    let binary = cofferdam_tests::binaries::cofferdam().expect("cofferdam");
    let mut line = vec![binary.display().to_string()];
    line.extend(stage.lab.arguments(&[&["top"], filter].concat()));
    line
}

fn start(stage: &Stage, screen: &Screen, filter: &[&str]) {
    screen.line(&line(stage, filter)).expect("a line");
    screen
        .wait("workloads", |text| row(text, "web").is_some())
        .expect("a screen");
}

fn row<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines()
        .find(|line| line.split_whitespace().next() == Some(name))
}

/// What the table says of a workload: flows a second, denials of the minute, denials.
fn figures(text: &str, name: &str) -> Vec<String> {
    let words = row(text, name).unwrap_or_default().split_whitespace();
    words
        .skip_while(|word| *word != "enforce")
        .skip(1)
        .take(3)
        .map(str::to_owned)
        .collect()
}

/// G-TOP: what containers do is on the screen a moment later, with counts that are right, the reason and the line that would
/// allow it; filters, sizes and a daemon that dies and returns are told as they are.
#[test]
fn root_top_shows_what_happens_and_why() {
    let mut stage = shop();
    let screen = screen(&stage, (80, 24), &[]);
    start(&stage, &screen, &[]);
    let text = screen
        .wait("the host", |text| text.contains("enforcing"))
        .expect("a header");
    assert!(text.contains("2 of 2 workloads protected"), "{text}");

    assert!(
        stage
            .container_tries("web", Kind::Tcp, SERVER, 3)
            .all_answered("web")
    );
    assert!(stage.container_tries("other", Kind::Tcp, SERVER, 5).all_refused());
    screen
        .wait("five denials of both ends", |text| {
            let both = [figures(text, "web"), figures(text, "other")];
            both.iter()
                .all(|figures| figures.get(1..) == Some(&["5".into(), "5".into()]))
        })
        .expect("denials");
    let text = screen
        .wait("both flows, with their counts", |text| {
            let has = |words: &[&str]| {
                text.lines()
                    .any(|line| words.iter().all(|word| line.contains(word)))
            };
            has(&["deny", "other", "web", "7001", "×5"]) && has(&["allow", "web", "7001", "×3"])
        })
        .expect("flows");
    println!("{text}");

    screen.press(&["d", "Tab", "Enter"]).expect("keys");
    let text = screen
        .wait("the denial in full", |text| text.contains("to allow it"))
        .expect("a denial");
    for words in [
        "default/",
        "cofferdam.ingress=app=x:7001/tcp",
        "written in   built-in",
        "cofferdam-probe",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // A key right behind Escape is a key with Alt.
    screen.press(&["Escape"]).expect("keys");
    screen
        .wait("the tables", |text| text.contains("DENY/MIN"))
        .expect("tables");
    screen.press(&["d"]).expect("keys");

    screen.press(&["/"]).expect("keys");
    screen.write("from app=x prot").expect("a filter");
    screen.press(&["Enter"]).expect("keys");
    screen
        .wait("what is wrong", |text| {
            text.contains("`prot` is no word of a filter")
        })
        .expect("an error");
    screen.press(&["C-u"]).expect("keys");
    screen.write("from app=web allowed port 7001").expect("a filter");
    screen.press(&["Enter"]).expect("keys");
    let text = screen
        .wait("the filter", |text| {
            text.contains("all flows, from app=web allowed port 7001: 2")
        })
        .expect("a filter");
    assert!(!text.contains("deny "), "{text}");

    for (columns, rows) in [(46, 14), (30, 8), (150, 40)] {
        screen.resize(columns, rows).expect("another size");
        screen
            .wait("the new size", |text| {
                let lines: Vec<&str> = text.lines().collect();
                lines.len() == usize::from(rows) && lines[usize::from(rows) - 1].contains("q quit")
            })
            .expect("a screen");
    }
    let text = screen.text().expect("a screen");
    assert!(text.contains("NETWORK") && text.contains("app=web"), "{text}");

    let daemon = Pid::from_raw(i32::try_from(stage.daemon.pid()).expect("a pid"));
    kill(daemon, Signal::SIGSTOP).expect("a daemon that does nothing");
    let text = screen.wait("that it is silent", |text| {
        text.contains("no answer from the daemon for") && !text.contains("flows/s")
    });
    kill(daemon, Signal::SIGCONT).expect("a daemon that goes on");
    assert_eq!(figures(&text.expect("a header"), "web"), ["-", "-", "-"]);
    screen
        .wait("that it goes on", |text| text.contains("enforcing"))
        .expect("a header");

    stage.daemon.end(Signal::SIGKILL).expect("the daemon ends");
    let text = screen
        .wait("that nobody answers", |text| {
            text.contains("daemon unreachable for")
        })
        .expect("a header");
    assert!(
        text.contains("below: as of ") && !text.contains("flows/s"),
        "{text}"
    );
    assert_eq!(figures(&text, "web"), ["-", "-", "-"], "{text}");
    stage.daemon = stage.lab.daemon(&[]).expect("a new daemon");
    screen
        .wait("the new daemon", |text| text.contains("enforcing"))
        .expect("a header");
    assert!(stage.container_tries("other", Kind::Tcp, SERVER, 2).all_refused());
    screen
        .wait("what the new one counts", |text| {
            figures(text, "web").get(2).map(String::as_str) == Some("2")
        })
        .expect("denials");
    screen.press(&["q"]).expect("keys");
    assert_eq!(screen.ended_with().expect("an end"), "0 opost isig icanon echo");
}

/// G-TOP: however it ends, the terminal is as it was.
#[test]
fn root_top_gives_the_terminal_back() {
    let mut stage = shop();
    let screen = screen(&stage, (80, 24), &[]);
    for (signal, code) in [
        (Some(Signal::SIGTERM), 143),
        (Some(Signal::SIGHUP), 129),
        (Some(Signal::SIGINT), 130),
        (None, 0),
    ] {
        start(&stage, &screen, &["denied", "to", "web"]);
        assert_eq!(screen.taken_and_cursor().expect("flags"), (true, false));
        match signal {
            Some(signal) => {
                let pid = i32::try_from(screen.child().expect("a process")).expect("a pid");
                kill(Pid::from_raw(pid), signal).expect("a signal");
            }
            None => screen.press(&["C-c"]).expect("a key"),
        }
        let ended = screen.ended_with().expect("an end");
        assert_eq!(ended, format!("{code} opost isig icanon echo"), "{signal:?}");
        assert_eq!(
            screen.taken_and_cursor().expect("flags"),
            (false, true),
            "{signal:?}"
        );
    }

    start(&stage, &screen, &[]);
    for (command, shown) in [("off", "OFF: every workload is open"), ("on", "enforcing")] {
        stage
            .lab
            .cofferdam(&[command])
            .expect("a command")
            .ok()
            .expect(command);
        screen.wait(shown, |text| text.contains(shown)).expect("a header");
    }
    screen.press(&["q"]).expect("a key");
    assert_eq!(screen.ended_with().expect("an end"), "0 opost isig icanon echo");

    // No terminal, no daemon: one line and what to do, as everywhere.
    let piped = stage.lab.cofferdam(&["top"]).expect("top");
    assert_eq!(piped.code, Some(2));
    stage::one_line_and_hint(&piped);
    assert!(piped.stderr.contains("`cofferdam flows -f`"), "{piped}");
    let wrong = ["top", "--json"];
    stage::one_line_and_hint(&stage.lab.cofferdam(&wrong).expect("top"));
    stage.daemon.end(Signal::SIGTERM).expect("the daemon ends");
    screen.line(&line(&stage, &[])).expect("a line");
    screen
        .wait("why not", |text| {
            text.contains("error: the daemon is not running")
        })
        .expect("an error");
    assert_eq!(screen.ended_with().expect("an end"), "2 opost isig icanon echo");
}

/// G-TOP: a terminal without colours and without UTF-8 gets the same words in ASCII.
#[test]
fn root_top_is_plain_where_the_terminal_is() {
    let stage = shop();
    let variables = [("NO_COLOR", "1"), ("LC_ALL", "C"), ("TERM", "vt100")];
    let screen = screen(&stage, (80, 24), &variables);
    let before = screen.written().len();
    start(&stage, &screen, &[]);
    assert!(stage.container_tries("other", Kind::Tcp, SERVER, 2).all_refused());
    screen
        .wait("a denial", |text| text.contains("deny") && text.contains("x2"))
        .expect("flows");
    let written = screen.written();
    assert!(written[before..].is_ascii());
    let text = String::from_utf8_lossy(&written[before..]).into_owned();
    let looks = text.split("\u{1b}[").filter_map(|rest| {
        let (numbers, _) = rest.split_once('m')?;
        numbers
            .split(';')
            .map(|number| number.parse::<u8>().ok())
            .collect::<Option<Vec<_>>>()
    });
    let colours: Vec<_> = looks
        .flatten()
        .filter(|number| matches!(number, 30..=38 | 40..=48 | 90..=107))
        .collect();
    assert!(colours.is_empty(), "{colours:?} in {text:?}");

    // A terminal that is closed takes what runs in it along.
    let pid = screen.child().expect("a process");
    drop(screen);
    eventually("it ends with its terminal", || {
        // Whoever takes on orphans may not have taken note of its end.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        Ok(stat.map_or(true, |stat| stat.contains(") Z ")))
    })
    .expect("an end");
}

/// G-TOP: a screen on which nothing happens is left alone; one on which much happens is not cleared, answers keys at once and
/// takes no more memory.
#[test]
fn root_top_does_not_flicker_and_a_flood_does_not_hold_it_up() {
    let stage = shop();
    stage.serve(
        "everywhere",
        &["-l", "app=web", "--net=host"],
        "tcp",
        "0.0.0.0:7003",
    );
    let screen = screen(&stage, (80, 24), &[]);
    start(&stage, &screen, &[]);
    let pid = screen.child().expect("a process");
    std::thread::sleep(Duration::from_secs(2));
    let (bytes, cpu, span) = (screen.written().len(), cpu(pid), Duration::from_secs(5));
    std::thread::sleep(span);
    let idle = screen.written().len() - bytes;
    let ticks = span.as_millis() / 250;
    let busy = (self::cpu(pid) - cpu) * 100.0 / span.as_secs_f64();
    println!("idle: {idle} bytes in {ticks} ticks, {busy:.1} % of a core");
    assert!(idle < 2_000, "{idle} bytes");
    assert!(busy < 10.0, "{busy} %");

    let before = resident(pid);
    let (cpu, start) = (self::cpu(pid), Instant::now());
    let stop = AtomicBool::new(false);
    let slowest = std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    flood(&stage);
                }
            });
        }
        let mut slowest = Duration::ZERO;
        while start.elapsed() < FLOOD {
            for (key, shown) in [("?", "keys"), ("Escape", "DENY/MIN")] {
                let pressed = Instant::now();
                screen.press(&[key]).expect("a key");
                screen
                    .wait("what the key does", |text| {
                        text.lines().any(|line| line.contains(shown))
                    })
                    .expect("a screen");
                slowest = slowest.max(pressed.elapsed());
            }
        }
        stop.store(true, Ordering::Relaxed);
        slowest
    });
    let busy = (self::cpu(pid) - cpu) * 100.0 / start.elapsed().as_secs_f64();
    let text = screen.text().expect("a screen");
    let status = stage.lab.json(&["status"]).expect("status");
    assert!(status["flows"]["denials"].as_u64() > Some(5_000), "{status}");
    println!(
        "flood: {} denials, {:?}, key to screen {slowest:?} at most, {busy:.0} % of a core, {before} KiB, then {} KiB\n{text}",
        status["flows"]["denials"],
        start.elapsed(),
        resident(pid)
    );
    assert!(slowest < Duration::from_secs(4), "{slowest:?}");
    assert!(
        resident(pid) < before + 40_000,
        "{before} KiB, then {}",
        resident(pid)
    );
    let clears = screen
        .written()
        .windows(4)
        .filter(|window| window == b"\x1b[2J")
        .count();
    assert!(clears <= 1, "the screen was cleared {clears} times");
    screen
        .wait("exact counts", |text| {
            let status = stage.lab.json(&["status"]).expect("status");
            text.contains("records lost")
                && figures(text, "other").get(2).is_some_and(|shown| {
                    let denials = status["flows"]["denials"].as_u64().unwrap_or(0);
                    *shown == denials.to_string() || *shown == format!("{}k", denials / 1000)
                })
        })
        .expect("counts");
}

/// Thousands of denials that differ in their address, each with a record of its own.
fn flood(stage: &Stage) {
    let addresses: Vec<String> = (0..4000)
        .map(|n| format!("127.0.{}.{}:7003", n / 200, n % 200 + 1))
        .collect();
    let mut args = vec!["exec", "other", "cofferdam-probe", "reach", "1"];
    args.extend(addresses.iter().map(String::as_str));
    stage.lab.engine.docker(&args).expect("docker exec");
}

/// Seconds of a core that a process has had.
fn cpu(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("stat");
    let (_, rest) = stat.rsplit_once(')').expect("stat");
    let ticks = rest.split_whitespace().skip(11).take(2);
    ticks
        .map(|ticks| ticks.parse::<f64>().expect("ticks"))
        .sum::<f64>()
        / 100.0
}

/// KiB of a process that are in memory.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next());
    kib.expect("VmRSS").parse().expect("a number")
}
