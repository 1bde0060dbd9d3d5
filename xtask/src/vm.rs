//! Runs the data plane's tests and the daemon on other kernels: Debian's, under qemu's software emulation.
//!
//! Everything happens in `target/vm`: the kernel packages that apt downloads, one root file system a kernel (packed into
//! an initramfs), and one log a kernel with all that its serial console said. `docs/kernels.md` holds the results.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use xshell::{Shell, cmd};

use crate::{repo, setup};

mod image;
mod kernel;
pub(crate) mod run;

use kernel::Kernel;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The kernel series to boot
    #[arg(long, default_value = "all", value_parser = ["6.1", "6.12", "all"])]
    kernel: String,
    /// Only this test program of the data plane, and the product; may be repeated
    #[arg(long)]
    only: Vec<String>,
}

/// The oldest that we support, and the one after it with long-term support.
const SERIES: [&str; 2] = ["6.1", "6.12"];

/// Emulation takes many minutes; a machine that hangs is ended after this many seconds.
const SECONDS: &str = "3000";

/// What the emulated machine runs.
struct Programs {
    tests: Vec<PathBuf>,
    /// The `cofferdam` binary, which `vm/product.sh` tries.
    product: PathBuf,
}

/// Ready to boot.
struct Machine {
    series: &'static str,
    package: String,
    kernel: Kernel,
    initramfs: PathBuf,
    log: PathBuf,
    /// How many test programs it has.
    programs: usize,
}

/// What one kernel's tests came to.
#[derive(Default)]
struct Outcome {
    passed: u64,
    failed: u64,
    /// Test programs that ended.
    ended: usize,
    /// What the machine says of itself.
    facts: Vec<String>,
    wrong: Vec<String>,
    seconds: u64,
}

pub(crate) fn test(args: &Args) -> Result<()> {
    let (shell, folder) = prepare()?;
    let machines = machines(&shell, &folder, args)?;
    // Much of a test is waiting for an answer that must not come, so two machines take little longer than one.
    let outcomes: Vec<Result<Outcome>> = thread::scope(|scope| {
        let started: Vec<_> = machines.iter().map(|m| scope.spawn(|| m.boot())).collect();
        let crashed = || Err(anyhow!("the thread that watched qemu ended early"));
        started
            .into_iter()
            .map(|s| s.join().unwrap_or_else(|_| crashed()))
            .collect()
    });
    let mut wrong = 0;
    for (machine, outcome) in machines.iter().zip(outcomes) {
        wrong += machine.report(&outcome?);
    }
    ensure!(
        wrong == 0,
        "{wrong} wrong; the whole output is in {}",
        folder.display()
    );
    Ok(())
}

fn machines(shell: &Shell, folder: &Path, args: &Args) -> Result<Vec<Machine>> {
    let wanted = args.kernel.as_str();
    let mut programs = programs()?;
    if !args.only.is_empty() {
        let chosen = |test: &PathBuf| image::test_name(test).is_ok_and(|name| args.only.contains(&name));
        programs.tests.retain(chosen);
        ensure!(!programs.tests.is_empty(), "there is no such test program");
    }
    let mut machines = Vec::new();
    for series in SERIES.into_iter().filter(|s| wanted == "all" || wanted == *s) {
        let Some(package) = kernel::find(shell, series)? else {
            ensure!(
                wanted == "all",
                "the configured archives have no {series} kernel\nhint: apt-get update, or --kernel all"
            );
            println!("{series}: skipped, the configured archives have no such kernel");
            continue;
        };
        let kernel = kernel::unpack(shell, folder, &package)?;
        let initramfs = folder.join(format!("{series}.cpio"));
        image::build(shell, &kernel, &programs, &initramfs)?;
        machines.push(Machine {
            series,
            package,
            kernel,
            initramfs,
            log: folder.join(format!("{series}.log")),
            programs: programs.tests.len() + 1,
        });
    }
    Ok(machines)
}

/// The target directory may be anywhere.
fn folder() -> Result<PathBuf> {
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec()?;
    Ok(metadata.target_directory.into_std_path_buf().join("vm"))
}

/// The data plane's test programs and the product.
fn programs() -> Result<Programs> {
    let tests = built("test --package cofferdam-datapath --tests --no-run", |t| {
        t.is_test()
    })?;
    let product = built("build --package cofferdam --bin cofferdam", |t| t.is_bin())?;
    Ok(Programs {
        tests,
        product: product.into_iter().next().context("cargo built no cofferdam")?,
    })
}

/// Builds, and says where the wanted executables are.
fn built(words: &str, wanted: impl Fn(&cargo_metadata::Target) -> bool) -> Result<Vec<PathBuf>> {
    let mut cargo = Command::new("cargo")
        .args(words.split(' '))
        .args(["--quiet", "--message-format=json-render-diagnostics"])
        .current_dir(repo::root()?)
        .stdout(Stdio::piped())
        .spawn()?;
    let out = cargo.stdout.take().context("cargo has no output")?;
    let mut found = Vec::new();
    for message in cargo_metadata::Message::parse_stream(BufReader::new(out)) {
        if let cargo_metadata::Message::CompilerArtifact(artifact) = message?
            && wanted(&artifact.target)
        {
            found.extend(artifact.executable.map(|path| path.into_std_path_buf()));
        }
    }
    ensure!(cargo.wait()?.success(), "cargo {words} failed");
    ensure!(!found.is_empty(), "cargo {words} built nothing");
    Ok(found)
}

/// What is installed first, and where everything happens.
fn prepare() -> Result<(Shell, PathBuf)> {
    ensure!(
        cfg!(target_arch = "x86_64"),
        "only x86_64 kernels are emulated, and this is another machine"
    );
    setup::run()?;
    let shell = repo::shell()?;
    emulator(&shell)?;
    let folder = folder()?;
    fs::create_dir_all(&folder)?;
    Ok((shell, folder))
}

/// Not part of `setup`: 50 MB that only these commands need.
fn emulator(shell: &Shell) -> Result<()> {
    if ["/usr/bin/qemu-system-x86_64", "/sbin/depmod"]
        .iter()
        .all(|program| Path::new(program).exists())
    {
        return Ok(());
    }
    let _noninteractive = shell.push_env("DEBIAN_FRONTEND", "noninteractive");
    cmd!(
        shell,
        "apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends qemu-system-x86 kmod"
    )
    .run()
    .context("apt-get install qemu-system-x86 kmod")
}

/// A machine with so many MiB and no network; `timeout` ends it where it hangs.
fn qemu(kernel: &Kernel, initramfs: &Path, memory: &str, append: &str) -> Command {
    let mut machine = Command::new("timeout");
    machine
        .args(["--kill-after=5", SECONDS, "qemu-system-x86_64"])
        .args(["-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", memory])
        .args(["-nographic", "-no-reboot", "-net", "none"])
        .arg("-kernel")
        .arg(&kernel.image)
        .arg("-initrd")
        .arg(initramfs)
        .arg("-append")
        .arg(format!("console=ttyS0 quiet panic=-1 {append}"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    machine
}

// === impl Machine ===

impl Machine {
    fn boot(&self) -> Result<Outcome> {
        let start = Instant::now();
        let mut machine = qemu(&self.kernel, &self.initramfs, "1536", "")
            .spawn()
            .context("qemu-system-x86_64")?;
        let console = machine.stdout.take().context("qemu has no console")?;
        let mut log = fs::File::create(&self.log)?;
        let mut outcome = Outcome::default();
        for line in BufReader::new(console).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            writeln!(log, "{}", line.trim_end())?;
            outcome.read(line.trim_end());
        }
        let status = machine.wait()?;
        outcome.seconds = start.elapsed().as_secs();
        if !status.success() {
            outcome.wrong.push(format!("the machine was ended ({status})"));
        }
        if outcome.ended != self.programs {
            let line = format!("{} of {} test programs ended", outcome.ended, self.programs);
            outcome.wrong.push(line);
        }
        Ok(outcome)
    }

    /// Returns how much went wrong.
    fn report(&self, outcome: &Outcome) -> usize {
        let Self { series, package, .. } = self;
        let Outcome {
            passed,
            failed,
            seconds,
            ..
        } = outcome;
        println!("{series} ({package}): {passed} passed, {failed} failed, {seconds} s");
        for line in outcome.facts.iter().chain(&outcome.wrong) {
            println!("  {line}");
        }
        outcome.wrong.len()
    }
}

// === impl Outcome ===

impl Outcome {
    /// Takes in a line of the console: libtest's totals, and the marker that `init` prints when a program has ended.
    fn read(&mut self, line: &str) {
        let number = |word: &str| -> u64 {
            let before = line.split(&format!(" {word}")).next().unwrap_or_default();
            before
                .rsplit(' ')
                .next()
                .and_then(|n| n.parse().ok())
                .unwrap_or_default()
        };
        if line.starts_with("test result: ") {
            self.passed += number("passed");
            self.failed += number("failed");
        } else if let Some(rest) = line.strip_prefix("@@ ended ") {
            self.ended += 1;
            if !rest.ends_with(" 0") {
                self.wrong.push(format!("{rest} (program, exit status)"));
            }
        } else if let Some(problem) = line.strip_prefix("@@ wrong ") {
            self.wrong.push(problem.to_owned());
        } else if let Some(fact) = line.strip_prefix("@@ ") {
            self.facts.push(fact.to_owned());
        }
    }
}

#[cfg(test)]
mod tests;
