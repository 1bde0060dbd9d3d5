//! Runs a command on another kernel with this machine's own files: every program, every test, and a real Docker Engine. What it
//! writes goes into the emulated machine's memory and ends with it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use xshell::{Shell, cmd};

use super::kernel::{self, Kernel};
use super::{SERIES, image, prepare, qemu};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The kernel series to boot
    #[arg(long, value_parser = SERIES)]
    kernel: String,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

const INIT: &str = include_str!("overlay.sh");

/// In the order in which they depend on each other: a bus, this machine's files on it, and a layer over them.
const MODULES: &[&str] = &[
    "virtio_ring",
    "virtio",
    "virtio_pci_modern_dev",
    "virtio_pci_legacy_dev",
    "virtio_pci",
    "netfs",
    "fscache",
    "9pnet",
    "9pnet_virtio",
    "9p",
    "overlay",
];

/// Docker is told to load profiles of AppArmor wherever the kernel has it, and needs a program for that.
const APPEND: &str = "apparmor=0";

/// Where the command's own output begins and ends.
const BEGIN: &str = "@@ begin";
const END: &str = "@@ status ";

pub(crate) fn run(args: &Args) -> Result<()> {
    let (shell, folder) = prepare()?;
    let package = kernel::find(&shell, &args.kernel)?.with_context(|| {
        format!(
            "the configured archives have no {} kernel\nhint: apt-get update",
            args.kernel
        )
    })?;
    let kernel = kernel::unpack(&shell, &folder, &package)?;
    let initramfs = folder.join(format!("{}-run.cpio", args.kernel));
    build(&shell, &kernel, &args.command, &initramfs)?;
    let mut machine = qemu(&kernel, &initramfs, "6144", APPEND)
        .args([
            "-virtfs",
            "local,path=/,mount_tag=machine,security_model=none,readonly=on,multidevs=remap",
        ])
        .spawn()
        .context("qemu-system-x86_64")?;
    let console = machine.stdout.take().context("qemu has no console")?;
    let log = folder.join(format!("{}-run.log", args.kernel));
    let status = show(BufReader::new(console), &log)?;
    machine.wait()?;
    match status.as_deref() {
        Some("0") => Ok(()),
        Some(status) => bail!("the command ended with status {status} on {package}"),
        None => bail!(
            "the machine ended before the command did; its console is in {}",
            log.display()
        ),
    }
}

/// Prints what the command says; everything goes into the log. Gives the command's status.
fn show(console: impl BufRead, log: &Path) -> Result<Option<String>> {
    let mut log = fs::File::create(log)?;
    let (mut begun, mut status) = (false, None);
    for line in console.split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end();
        writeln!(log, "{line}")?;
        if let Some(end) = line.strip_prefix(END) {
            (begun, status) = (false, Some(end.to_owned()));
        }
        if begun || line.starts_with("@@ wrong") {
            println!("{line}");
        }
        begun |= line == BEGIN;
    }
    Ok(status)
}

fn build(shell: &Shell, kernel: &Kernel, command: &[String], initramfs: &Path) -> Result<()> {
    // depmod writes its lists beside the modules, where modprobe looks for them.
    let base = kernel
        .modules
        .ancestors()
        .nth(3)
        .context("the kernel lies too high")?;
    let version = kernel.modules.file_name().context("the kernel has no name")?;
    cmd!(shell, "depmod -b {base} {version}").quiet().run()?;
    let root = image::empty(initramfs)?;
    image::modules(kernel, MODULES, &root)?;
    image::script(&root.join("init"), INIT)?;
    image::script(&root.join("command"), &script(command)?)?;
    fs::write(root.join("modules-folder"), kernel.modules.display().to_string())?;
    image::pack(shell, &root, initramfs)
}

/// What runs in this machine's files: the command with our folder and our way to programs.
fn script(command: &[String]) -> Result<String> {
    let here = std::env::current_dir()?;
    let here = here.to_str().context("the folder's name is no text")?;
    let mut text = format!("cd {}\n", quoted(here));
    for name in ["PATH", "HOME"] {
        let value = std::env::var(name).with_context(|| format!("${name}"))?;
        text += &format!("export {name}={}\n", quoted(&value));
    }
    // The tests' time limits are for hardware.
    text += "export COFFERDAM_SLOW=4\n";
    let words: Vec<_> = command.iter().map(|word| quoted(word)).collect();
    text += &format!("echo; echo '{BEGIN}'\n{} </dev/null\n", words.join(" "));
    text += &format!("status=$?; echo; echo \"{END}$status\"\nbusybox poweroff -f\n");
    Ok(text)
}

/// One word for a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
