//! Container images from this machine's own programs: there is no registry, and a test needs what it tests.

use std::collections::BTreeSet;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tar::{Builder, EntryType, Header};

use crate::binaries;

/// An image, before it is built.
pub struct Image {
    /// The name that `docker run` is given.
    pub name: &'static str,
    /// Programs of this machine that it holds, with their libraries.
    pub programs: &'static [&'static str],
    /// Files that it holds.
    pub files: &'static [(&'static str, &'static str)],
    /// What it runs, as `CMD` in JSON.
    pub command: &'static str,
    /// Labels that it brings along.
    pub labels: &'static [&'static str],
}

/// nginx as everybody knows it: port 80, both families.
pub const NGINX: Image = Image {
    name: "nginx",
    programs: &["/usr/sbin/nginx", "/usr/bin/curl", "/bin/bash"],
    files: &[
        ("etc/nginx/nginx.conf", NGINX_CONF),
        ("srv/index.html", "cofferdam lab nginx\n"),
    ],
    command: r#"["/usr/sbin/nginx", "-g", "daemon off;"]"#,
    labels: &["maintainer=somebody", "org.opencontainers.image.title=nginx"],
};

/// curl, a shell, and nothing that listens.
pub const CURL: Image = Image {
    name: "curl",
    programs: &["/usr/bin/curl", "/bin/bash"],
    files: &[],
    command: r#"["/bin/bash"]"#,
    labels: &["maintainer=somebody"],
};

/// Nothing but a way to this machine's own programs: run it with `-v /usr:/usr:ro`.
pub const DEBIAN: Image = Image {
    name: "debian",
    programs: &[],
    files: &[],
    command: r#"["/bin/sh"]"#,
    labels: &[],
};

const NGINX_CONF: &str = "user root;
worker_processes 1;
pid /run/nginx.pid;
error_log /dev/stderr;
events { worker_connections 64; }
http {
    access_log off;
    server { listen 80; listen [::]:80 ipv6only=on; root /srv; default_type text/plain; }
}
";

/// In every image.
const ALWAYS: &[(&str, &str)] = &[
    (
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/sh\n",
    ),
    ("etc/group", "root:x:0:\nnogroup:x:65534:\n"),
    (
        "etc/nsswitch.conf",
        "passwd: files\ngroup: files\nhosts: files dns\n",
    ),
];

const DIRECTORIES: &[&str] = &[
    "tmp",
    "proc",
    "sys",
    "dev",
    "run",
    "root",
    "var/log/nginx",
    "var/lib/nginx",
    "srv",
    "usr",
];

const BUSYBOX: &str = "/bin/busybox";

// === impl Image ===

impl Image {
    /// The root file system as an uncompressed tar.
    pub fn tar(&self) -> Result<Vec<u8>> {
        let mut tar = Builder::new(Vec::new());
        for directory in DIRECTORIES {
            append_directory(
                &mut tar,
                directory,
                if *directory == "tmp" { 0o1777 } else { 0o755 },
            )?;
        }
        for (path, text) in ALWAYS.iter().chain(self.files) {
            let size = u64::try_from(text.len())?;
            tar.append_data(
                &mut header(EntryType::Regular, 0o644, size),
                path,
                Cursor::new(text),
            )?;
        }
        if self.programs.is_empty() {
            for directory in ["bin", "sbin", "lib", "lib64"] {
                let target = format!("usr/{directory}");
                tar.append_link(&mut header(EntryType::Symlink, 0o777, 0), directory, target)?;
            }
            return Ok(tar.into_inner()?);
        }
        for directory in ["bin", "usr/bin"] {
            append_directory(&mut tar, directory, 0o755)?;
        }
        for (inside, outside) in self.closure()? {
            let mut file = fs::File::open(&outside).with_context(|| outside.display().to_string())?;
            let size = file.metadata()?.len();
            tar.append_data(
                &mut header(EntryType::Regular, 0o755, size),
                inside.strip_prefix("/")?,
                &mut file,
            )?;
        }
        self.applets(&mut tar)?;
        Ok(tar.into_inner()?)
    }

    /// Arguments of `docker import`, without the tar and the name.
    pub fn changes(&self) -> Vec<String> {
        let mut changes = vec![format!("CMD {}", self.command)];
        changes.extend(self.labels.iter().map(|label| format!("LABEL {label}")));
        changes
    }

    /// (path in the image, path here) of every program and library.
    fn closure(&self) -> Result<BTreeSet<(PathBuf, PathBuf)>> {
        let probe = binaries::probe()?;
        let mut files = BTreeSet::new();
        files.insert((PathBuf::from(BUSYBOX), PathBuf::from(BUSYBOX)));
        files.insert((PathBuf::from("/usr/bin/cofferdam-probe"), probe.clone()));
        let programs = self.programs.iter().map(PathBuf::from);
        for program in programs.clone() {
            files.insert((program.clone(), program));
        }
        for program in programs.chain([probe]) {
            files.extend(libraries(&program)?.into_iter().map(|l| (l.clone(), l)));
        }
        Ok(files)
    }

    fn applets(&self, tar: &mut Builder<Vec<u8>>) -> Result<()> {
        let list = Command::new(BUSYBOX).arg("--list").output().context(BUSYBOX)?;
        for applet in String::from_utf8(list.stdout)?
            .lines()
            .filter(|a| *a != "busybox")
        {
            let own = |p: &&str| Path::new(p).file_name().is_some_and(|n| n == applet);
            if !self.programs.iter().any(own) {
                let mut link = header(EntryType::Symlink, 0o777, 0);
                tar.append_link(&mut link, format!("bin/{applet}"), BUSYBOX)?;
            }
        }
        Ok(())
    }
}

fn append_directory(tar: &mut Builder<Vec<u8>>, path: &str, mode: u32) -> Result<()> {
    let mut directory = header(EntryType::Directory, mode, 0);
    Ok(tar.append_data(&mut directory, format!("{path}/"), &[][..])?)
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header
}

/// The libraries that the dynamic linker would load, the linker itself among them.
fn libraries(program: &Path) -> Result<BTreeSet<PathBuf>> {
    let output = Command::new("ldd").arg(program).output().context("ldd")?;
    ensure!(
        output.status.success(),
        "ldd {} failed\nhint: cargo xtask setup",
        program.display()
    );
    let text = String::from_utf8(output.stdout)?;
    Ok(text
        .split_whitespace()
        .filter(|word| word.starts_with('/'))
        .map(PathBuf::from)
        .collect())
}
