//! The root file system of the emulated machine: busybox, kernel modules, the tests with the programs that they call,
//! and the product.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use super::Programs;
use super::kernel::Kernel;
use crate::repo;

const INIT: &str = include_str!("init.sh");
const PRODUCT: &str = include_str!("product.sh");

/// In the order in which they depend on each other. The first five make the lab's networks, on a bridge whose frames are
/// translated, as with Docker; the next masquerade, match on TCP flags, lose some packets of many, and know the host's
/// addresses; the last three end sockets on request.
const MODULES: &[&str] = &[
    "llc",
    "stp",
    "bridge",
    "br_netfilter",
    "veth",
    "crc32c_generic",
    "libcrc32c",
    "nfnetlink",
    "x_tables",
    "nf_defrag_ipv4",
    "nf_defrag_ipv6",
    "nf_conntrack",
    "nf_nat",
    "nf_tables",
    "nft_compat",
    "nft_chain_nat",
    "xt_MASQUERADE",
    "xt_tcpudp",
    "nft_numgen",
    "nft_nat",
    "nft_fib",
    "nft_fib_ipv4",
    "inet_diag",
    "tcp_diag",
    "udp_diag",
];

const PROGRAMS: &[&str] = &["ip", "iptables", "nft"];

/// iptables loads its extensions by path.
const EXTENSIONS: &str = "usr/lib/x86_64-linux-gnu/xtables";
/// Those that the tests' rules name: a target, and what `-p tcp` and a verdict load unasked.
const EXTENSION_FILES: &[&str] = &["libxt_MASQUERADE.so", "libxt_tcp.so", "libxt_standard.so"];

/// Builds the file system beside `initramfs` and packs it into that.
pub(super) fn build(shell: &Shell, kernel: &Kernel, programs: &Programs, initramfs: &Path) -> Result<()> {
    let root = empty(initramfs)?;
    for name in PROGRAMS {
        let program = cmd!(shell, "which {name}").quiet().read()?;
        with_libraries(shell, Path::new(&program), &root, &format!("bin/{name}"))?;
    }
    for name in EXTENSION_FILES {
        let file = Path::new("/").join(EXTENSIONS).join(name);
        place(&file, &root, &format!("{EXTENSIONS}/{name}"))?;
    }
    for test in &programs.tests {
        with_libraries(shell, test, &root, &format!("tests/{}", test_name(test)?))?;
    }
    with_libraries(shell, &programs.product, &root, "bin/cofferdam")?;
    script(&root.join("tests/product"), PRODUCT)?;
    modules(kernel, MODULES, &root)?;
    scenarios(&root)?;
    script(&root.join("init"), INIT)?;
    pack(shell, &root, initramfs)
}

/// A file system beside `initramfs` with busybox and folders.
pub(super) fn empty(initramfs: &Path) -> Result<PathBuf> {
    let root = initramfs.with_extension("root");
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    for folder in [
        "bin", "dev", "etc", "modules", "proc", "run", "sys", "tests", "tmp",
    ] {
        fs::create_dir_all(root.join(folder))?;
    }
    place(Path::new("/usr/bin/busybox"), &root, "bin/busybox")?;
    Ok(root)
}

/// In this order; what the kernel does not have as a module, it has built in or does not need.
pub(super) fn modules(kernel: &Kernel, names: &[&str], root: &Path) -> Result<()> {
    for (number, name) in names.iter().enumerate() {
        if let Some(file) = kernel.module(name) {
            let file_name = file
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            place(&file, root, &format!("modules/{number:02}-{file_name}"))?;
        }
    }
    Ok(())
}

pub(super) fn script(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text)?;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// The tests know the scenario table by the path at which they were compiled.
fn scenarios(root: &Path) -> Result<()> {
    let repo = repo::root()?;
    let inside = root.join(repo.strip_prefix("/")?);
    fs::create_dir_all(inside.join("crates/datapath"))?;
    let table = inside.join("tests/scenarios");
    fs::create_dir_all(&table)?;
    for entry in fs::read_dir(repo.join("tests/scenarios"))? {
        let entry = entry?;
        fs::copy(entry.path(), table.join(entry.file_name()))?;
    }
    Ok(())
}

pub(super) fn test_name(program: &Path) -> Result<String> {
    let name = program
        .file_stem()
        .context("a test has no name")?
        .to_string_lossy();
    Ok(name.rsplit_once('-').map_or(&*name, |(name, _)| name).to_owned())
}

fn with_libraries(shell: &Shell, program: &Path, root: &Path, inside: &str) -> Result<()> {
    place(program, root, inside)?;
    let copy = root.join(inside);
    cmd!(shell, "strip {copy}").quiet().run()?;
    let libraries = cmd!(shell, "ldd {program}").quiet().read()?;
    for library in libraries.split_whitespace().filter(|w| w.starts_with('/')) {
        place(Path::new(library), root, &library[1..])?;
    }
    Ok(())
}

/// Follows links: only what a program is called by counts.
fn place(file: &Path, root: &Path, inside: &str) -> Result<()> {
    let to = root.join(inside);
    fs::create_dir_all(to.parent().context("the root has no parent")?)?;
    fs::copy(file, &to).with_context(|| file.display().to_string())?;
    Ok(())
}

pub(super) fn pack(shell: &Shell, root: &Path, initramfs: &Path) -> Result<()> {
    // Links for `mount`, `sh` and so on are made inside; init itself needs one.
    symlink("busybox", root.join("bin/sh"))?;
    let _here = shell.push_dir(root);
    let list = cmd!(shell, "busybox find .").quiet().read()?;
    let archive = cmd!(shell, "busybox cpio -o -H newc")
        .stdin(list)
        .quiet()
        .ignore_stderr()
        .output()?;
    fs::write(initramfs, archive.stdout)?;
    Ok(())
}
