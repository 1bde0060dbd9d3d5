//! Sets up, then runs every check and every test, and prints one line with the counts at the end.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use xshell::cmd;

use crate::{generate, repo, setup, tidy};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only what needs no root: tidy, clippy, unit tests
    #[arg(long)]
    unit: bool,
}

/// What ran. A check (tidy, gen, clippy) counts as one test.
#[derive(Default)]
struct Counts {
    passed: i64,
    failed: i64,
    skipped: i64,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut counts = Counts::default();
    counts.check("setup", setup::run());
    counts.check("tidy", tidy::run());
    counts.check("clippy", clippy());
    counts.check("gen", generate::run(&generate::Args::check()));
    counts.check("build", build());
    let ran = if has_nextest()? {
        nextest(args, &mut counts)
    } else {
        cargo_test(args, &mut counts)
    };
    if let Err(error) = ran {
        counts.check("tests", Err(error));
    }
    println!(
        "{} passed, {} failed, {} skipped",
        counts.passed, counts.failed, counts.skipped
    );
    if counts.failed > 0 {
        std::process::exit(1);
    }
    Ok(())
}

fn clippy() -> Result<()> {
    let shell = repo::shell()?;
    cmd!(
        shell,
        "cargo clippy --workspace --all-targets --quiet -- -D warnings"
    )
    .run()?;
    Ok(())
}

/// Labs start these programs; cargo builds a program for its own package's tests only.
fn build() -> Result<()> {
    let shell = repo::shell()?;
    cmd!(
        shell,
        "cargo build --quiet --package cofferdam --package cofferdam-tests --bins"
    )
    .run()?;
    Ok(())
}

fn has_nextest() -> Result<bool> {
    let shell = repo::shell()?;
    Ok(cmd!(shell, "cargo nextest --version")
        .quiet()
        .ignore_stdout()
        .ignore_stderr()
        .run()
        .is_ok())
}

fn nextest(args: &Args, counts: &mut Counts) -> Result<()> {
    let filter: &[&str] = if args.unit {
        &["-E", "not test(/(^|::)(alone_)?root_/) and not binary(/^root_/)"]
    } else {
        &[]
    };
    let mut command = Command::new("cargo");
    command
        .args([
            "nextest",
            "run",
            "--workspace",
            "--no-fail-fast",
            "--color",
            "never",
        ])
        .args(filter);
    let ok = counts.follow(&mut command, Stream::Err, nextest_summary)?;
    if !ok && counts.failed == 0 {
        bail!("nextest failed without a failing test");
    }
    Ok(())
}

/// Without nextest: the same tests, one binary after the other.
fn cargo_test(args: &Args, counts: &mut Counts) -> Result<()> {
    eprintln!("test: cargo-nextest is not installed, so `cargo test` runs the tests");
    let mut command = Command::new("cargo");
    command.args([
        "test",
        "--workspace",
        "--exclude",
        "cofferdam-tests",
        "--no-fail-fast",
    ]);
    command.args(["--", "--show-output"]);
    if args.unit {
        command.args(["--skip", "root_"]);
    }
    let mut ok = counts.follow(&mut command, Stream::Out, libtest_summary)?;
    if !args.unit {
        let mut command = Command::new("cargo");
        command.args([
            "test",
            "--package",
            "cofferdam-tests",
            "--no-fail-fast",
            "--",
            "--show-output",
            "--test-threads",
            "1",
        ]);
        ok &= counts.follow(&mut command, Stream::Out, libtest_summary)?;
    }
    if !ok && counts.failed == 0 {
        bail!("cargo test failed without a failing test");
    }
    Ok(())
}

/// Where a runner prints its summary.
enum Stream {
    Out,
    Err,
}

/// `Summary [   0.013s] 34 tests run: 32 passed, 2 failed, 1 timed out, 4 skipped`.
fn nextest_summary(line: &str) -> Option<Counts> {
    let (_, rest) = line.trim_start().strip_prefix("Summary [")?.split_once("run: ")?;
    Some(words(rest))
}

/// `test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s`.
fn libtest_summary(line: &str) -> Option<Counts> {
    let (_, rest) = line.strip_prefix("test result: ")?.split_once(". ")?;
    Some(words(rest))
}

/// What a test prints that found nothing to run on: its runner takes it for passed. The tests for which nextest shows this
/// are listed in `.config/nextest.toml`.
fn is_skip(line: &str) -> bool {
    line.trim_start().starts_with("skipped: ")
}

fn words(text: &str) -> Counts {
    let mut counts = Counts::default();
    for item in text.split([',', ';', '(', ')']) {
        let mut parts = item.split_whitespace();
        let Some(number) = parts.next().and_then(|n| n.parse::<i64>().ok()) else {
            continue;
        };
        match parts.next() {
            Some("passed") => counts.passed += number,
            Some("failed" | "timed" | "exec") => counts.failed += number,
            Some("skipped" | "ignored") => counts.skipped += number,
            _ => {}
        }
    }
    counts
}

// === impl Counts ===

impl Counts {
    fn check(&mut self, name: &str, outcome: Result<()>) {
        match outcome {
            Ok(()) => {
                self.passed += 1;
                println!("PASS {name}");
            }
            Err(error) => {
                self.failed += 1;
                println!("FAIL {name}: {error:#}");
            }
        }
    }

    /// Runs `command`, prints what it prints, adds the summaries it finds. True when it exits with 0.
    fn follow(
        &mut self,
        command: &mut Command,
        stream: Stream,
        summary: fn(&str) -> Option<Counts>,
    ) -> Result<bool> {
        command.current_dir(repo::root()?).env("RUST_BACKTRACE", "0");
        match stream {
            Stream::Out => command.stdout(Stdio::piped()),
            Stream::Err => command.stderr(Stdio::piped()),
        };
        let mut child = command.spawn().context("cargo")?;
        let lines: Box<dyn BufRead> = match stream {
            Stream::Out => Box::new(BufReader::new(child.stdout.take().context("no stdout")?)),
            Stream::Err => Box::new(BufReader::new(child.stderr.take().context("no stderr")?)),
        };
        for line in lines.lines() {
            let line = line?;
            println!("{line}");
            if is_skip(&line) {
                self.passed -= 1;
                self.skipped += 1;
            }
            if let Some(found) = summary(&line) {
                self.passed += found.passed;
                self.failed += found.failed;
                self.skipped += found.skipped;
            }
        }
        Ok(child.wait()?.success())
    }
}

#[cfg(test)]
mod tests {
    use super::{is_skip, libtest_summary, nextest_summary};

    #[test]
    fn reads_the_summary_of_either_runner() {
        let line =
            "     Summary [   1.013s] 34 tests run: 30 passed (1 slow), 2 failed, 1 timed out, 4 skipped";
        let counts = nextest_summary(line).expect("a summary");
        assert_eq!((counts.passed, counts.failed, counts.skipped), (30, 3, 4));
        let line = "test result: FAILED. 4 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        let counts = libtest_summary(line).expect("a summary");
        assert_eq!((counts.passed, counts.failed, counts.skipped), (4, 1, 2));
    }

    #[test]
    fn a_test_that_says_it_is_skipped_is_told_from_one_that_passed() {
        assert!(is_skip("    skipped: the suite is absent"));
        assert!(!is_skip("34 tests run: 30 passed, 4 skipped"));
    }
}
