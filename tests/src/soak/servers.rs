//! Servers that everybody knows, in host mode, under the load tools that come with them.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::{Progress, Report};
use crate::lab::{Lab, Outcome};
use crate::probe::{self, Kind};
use crate::walkthrough::scene::eventually;

/// A server and its tool. Both run in containers with `app=NAME`, in host mode.
struct Subject {
    name: &'static str,
    port: u16,
    /// `docker run` arguments of the server, from the image on.
    server: &'static [&'static str],
    /// What succeeds in the server's container once it answers.
    ready: &'static str,
    /// What the client's container runs once, before the load.
    prepare: &'static str,
    /// What it runs over and over, by turns: with connections that stay, and with a new one for each request.
    load: [&'static str; 2],
    /// Requests a second, or what went wrong, from what the tool printed.
    rate: fn(&str) -> Result<f64>,
}

/// Programs and libraries of this machine. PostgreSQL does not run as root.
const DEBIAN: [&str; 5] = ["-v", "/usr:/usr:ro", "--user", "nobody", "debian"];

const SUBJECTS: &[Subject] = &[
    Subject {
        name: "redis",
        port: 7601,
        server: &[
            "redis-server",
            "--port",
            "7601",
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ],
        ready: "redis-cli -p 7601 ping",
        prepare: "true",
        load: [
            "redis-benchmark -p 7601 --csv -t set,get -c 20 -n 40000",
            "redis-benchmark -p 7601 --csv -t set,get -c 20 -n 4000 -k 0",
        ],
        rate: redis,
    },
    Subject {
        name: "postgres",
        port: 7602,
        server: &[
            "sh",
            "-c",
            "D=$(mktemp -d) && B=$(ls -d /usr/lib/postgresql/*/bin | tail -1) && $B/initdb -A trust -U shop $D/db >/dev/null && exec $B/postgres -D $D/db -c port=7602 -c listen_addresses=127.0.0.1 -c unix_socket_directories=$D",
        ],
        ready: "$(ls -d /usr/lib/postgresql/*/bin | tail -1)/pg_isready -h 127.0.0.1 -p 7602",
        prepare: "$(ls -d /usr/lib/postgresql/*/bin | tail -1)/pgbench -i -q -h 127.0.0.1 -p 7602 -U shop postgres",
        load: [
            "$(ls -d /usr/lib/postgresql/*/bin | tail -1)/pgbench -n -T 2 -c 4 -h 127.0.0.1 -p 7602 -U shop postgres",
            "$(ls -d /usr/lib/postgresql/*/bin | tail -1)/pgbench -n -S -C -T 2 -c 4 -h 127.0.0.1 -p 7602 -U shop postgres",
        ],
        rate: postgres,
    },
    Subject {
        name: "nginx",
        port: 80,
        server: &[],
        ready: "curl -s http://127.0.0.1",
        prepare: "true",
        load: [
            "wrk -t 1 -c 16 -d 2s http://127.0.0.1:80/",
            "wrk -t 1 -c 16 -d 2s -H 'Connection: close' http://127.0.0.1:80/",
        ],
        rate: nginx,
    },
];

/// What one subject saw.
#[derive(Default)]
struct Seen {
    /// Requests a second with connections that stay, and with new ones.
    rates: [Vec<f64>; 2],
    wrong: Vec<String>,
}

/// All three at once for `seconds`, contained to clients with the same labels; before that for a tenth without.
pub(super) fn servers(seconds: u32) -> Result<Report> {
    for program in ["/usr/bin/redis-benchmark", "/usr/bin/psql", "/usr/bin/wrk"] {
        ensure!(
            Path::new(program).exists(),
            "{program} is missing\nhint: cargo xtask soak installs it"
        );
    }
    let lab = Lab::new()?;
    for subject in SUBJECTS {
        subject.start(&lab)?;
    }
    let mut report = Report::default();
    let mut progress = Progress::new("servers", seconds);
    let free = load(
        &lab,
        Duration::from_secs(u64::from(seconds.div_ceil(10))),
        &mut |_| Ok(()),
    )?;
    let _daemon = lab.daemon(&[])?;
    lab.cofferdam(&["enforce", "--all"])?.ok()?;
    let mut strangers = 0;
    let seen = load(&lab, Duration::from_secs(u64::from(seconds)), &mut |passed| {
        for subject in SUBJECTS {
            let seen = probe::attempt(&lab.host, Kind::Tcp, &format!("127.0.0.1:{}", subject.port), 3)?;
            report.note(passed, seen.refused_under_load(), || {
                format!("the host was not refused by {}: {seen:?}", subject.name)
            });
            strangers += 3;
        }
        progress.at(passed, &report);
        Ok(())
    })?;
    report.rounds = seconds;
    for ((subject, free), seen) in SUBJECTS.iter().zip(free).zip(seen) {
        ensure!(
            free.wrong.is_empty(),
            "{} fails without protection: {:?}",
            subject.name,
            free.wrong
        );
        report.figures.push(subject.figure(&free, &seen)?);
        report.wrong.extend(seen.wrong);
    }
    report
        .figures
        .push(format!("{strangers} attempts of the host meanwhile"));
    Ok(report)
}

/// Loads all subjects for this time; calls `each` every second with the seconds that have passed.
fn load(lab: &Lab, time: Duration, each: &mut dyn FnMut(u32) -> Result<()>) -> Result<Vec<Seen>> {
    let start = Instant::now();
    thread::scope(|scope| {
        let work = |subject: &'static Subject| scope.spawn(move || subject.load(lab, start, time));
        let threads: Vec<_> = SUBJECTS.iter().map(work).collect();
        while threads.iter().any(|t| !t.is_finished()) {
            each(u32::try_from(start.elapsed().as_secs())?.saturating_sub(1))?;
            thread::sleep(Duration::from_secs(1));
        }
        let ended = threads
            .into_iter()
            .map(|t| t.join().map_err(|_| anyhow!("a load panicked"))?);
        ended.collect()
    })
}

// === impl Subject ===

impl Subject {
    fn client(&self) -> String {
        format!("{}-client", self.name)
    }

    fn start(&self, lab: &Lab) -> Result<()> {
        let label = format!("app={}", self.name);
        let run = |name: &str, rest: &[&str]| {
            let run = ["run", "-d", "--net=host", "--name", name, "-l", &label];
            lab.engine.docker(&[&run[..], rest].concat())
        };
        if self.server.is_empty() {
            run(self.name, &["nginx"])?;
        } else {
            run(self.name, &[&DEBIAN[..], self.server].concat())?;
        }
        run(&self.client(), &[&DEBIAN[..], &["sleep", "86400"]].concat())?;
        eventually(&format!("{} answers", self.name), || {
            Ok(lab
                .engine
                .try_docker(&["exec", self.name, "sh", "-c", self.ready])?
                .success())
        })?;
        self.run(lab, self.prepare)?.ok().map(drop)
    }

    fn run(&self, lab: &Lab, command: &str) -> Result<Outcome> {
        lab.engine
            .try_docker(&["exec", &self.client(), "sh", "-c", command])
    }

    fn load(&self, lab: &Lab, start: Instant, time: Duration) -> Result<Seen> {
        let mut seen = Seen::default();
        for turn in 0.. {
            // Both ways at least once.
            if turn >= 2 && start.elapsed() >= time {
                break;
            }
            let outcome = self.run(lab, self.load[turn % 2])?;
            match (self.rate)(&format!("{}\n{}", outcome.stdout, outcome.stderr)) {
                Ok(rate) if outcome.success() => seen.rates[turn % 2].push(rate),
                Ok(_) => seen.wrong.push(format!("{}: {outcome}", self.name)),
                Err(error) => seen.wrong.push(format!("{}: {error:#}", self.name)),
            }
        }
        Ok(seen)
    }

    fn figure(&self, free: &Seen, seen: &Seen) -> Result<String> {
        let mut words = Vec::new();
        for (what, (free, seen)) in ["connections that stay", "a connection a request"]
            .iter()
            .zip(free.rates.iter().zip(&seen.rates))
        {
            let mean = |rates: &[f64]| {
                rates.iter().sum::<f64>() / u32::try_from(rates.len()).map_or(f64::NAN, f64::from)
            };
            let (free, seen) = (mean(free), mean(seen));
            words.push(format!(
                "{what} {seen:.0}/s, {:.2} of {free:.0}/s without protection",
                seen / free
            ));
        }
        let errors = seen.wrong.len();
        let turns = seen.rates.iter().map(Vec::len).sum::<usize>();
        Ok(format!(
            "{}: {turns} loads, {errors} with errors; {}",
            self.name,
            words.join("; ")
        ))
    }
}

/// `"SET","40000.00",...` a line and test; the slower of both counts.
fn redis(text: &str) -> Result<f64> {
    let rate = |line: &str| {
        let rest = line.strip_prefix("\"SET\",").or(line.strip_prefix("\"GET\","))?;
        rest.split(',').next()?.trim_matches('"').parse::<f64>().ok()
    };
    let rates: Vec<f64> = text.lines().filter_map(rate).collect();
    if rates.len() != 2 || text.contains("rror") {
        bail!("redis-benchmark said: {}", text.trim());
    }
    Ok(rates.into_iter().fold(f64::INFINITY, f64::min))
}

fn postgres(text: &str) -> Result<f64> {
    let failed = number(text, "number of failed transactions: ").unwrap_or(0.0);
    let rate = number(text, "tps = ");
    rate.filter(|_| failed == 0.0 && !text.contains("error:"))
        .with_context(|| format!("pgbench said: {}", text.trim()))
}

fn nginx(text: &str) -> Result<f64> {
    let rate = number(text, "Requests/sec:");
    rate.filter(|_| !text.contains("Socket errors") && !text.contains("Non-2xx"))
        .with_context(|| format!("wrk said: {}", text.trim()))
}

/// The number that follows `words`.
fn number(text: &str, words: &str) -> Option<f64> {
    let (_, rest) = text.split_once(words)?;
    rest.split_whitespace().next()?.parse().ok()
}
