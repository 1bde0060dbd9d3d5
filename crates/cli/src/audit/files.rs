//! Which files below the given paths there are to audit, and what each of them is.

use std::collections::BTreeMap;
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::thread;

use cofferdam_audit::compose::{self, Files, Read};
use walkdir::{DirEntry, WalkDir};

use crate::failure::Failure;
use crate::output::note;

/// Nobody writes a configuration longer than this.
const LONGEST: u64 = 8 << 20;
/// So many take long enough that somebody who waits wants to know.
const MANY: usize = 200;
/// Folders that hold other people's files.
const SKIPPED: &[&str] = &["node_modules", "target", "vendor"];

/// The disk and the environment.
pub(super) struct Disk;

impl Files for Disk {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let length = fs::metadata(path).ok().filter(fs::Metadata::is_file)?.len();
        (length <= LONGEST).then(|| fs::read(path).ok())?
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// What is to be read.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Files of one project each, later ones over earlier ones.
    pub(crate) projects: Vec<Vec<String>>,
    /// JSON files: `docker inspect`, `daemon.json`.
    pub(super) json: Vec<String>,
}

/// Looks at every path.
pub(crate) fn find(paths: &[PathBuf]) -> Result<Found, Failure> {
    let mut found = Found::default();
    let mut named: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for path in paths {
        let metadata = fs::metadata(path).map_err(|error| super::cannot("read", path, &error))?;
        if metadata.is_dir() {
            find_below(path, &mut found)?;
        } else if path.extension().is_some_and(|end| end == "json") {
            found.json.push(shown(path));
        } else {
            let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            named.entry(folder).or_default().push(name);
        }
    }
    for (folder, names) in named {
        together(&folder, &names, &mut found);
    }
    Ok(found)
}

/// Named files are a project each, but for a file beside its override: pre-commit names both.
fn together(folder: &Path, names: &[String], found: &mut Found) {
    let whole = |name: &String| shown(&folder.join(name));
    let pair = compose::default_files(names);
    let pair = if pair.len() > 1 { pair } else { Vec::new() };
    if !pair.is_empty() {
        found.projects.push(pair.iter().map(whole).collect());
    }
    let others = names.iter().filter(|name| !pair.contains(name));
    found.projects.extend(others.map(|name| vec![whole(name)]));
}

/// Reads all projects, on every core.
pub(crate) fn read_all(projects: &[Vec<String>]) -> Vec<Read> {
    if projects.len() > MANY && std::io::stderr().is_terminal() {
        note(&format!("reading {} projects", projects.len()));
    }
    let threads = thread::available_parallelism().map_or(1, usize::from).max(1);
    let share = projects.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let handles: Vec<_> = projects
            .chunks(share)
            .map(|chunk| {
                scope.spawn(move || {
                    chunk
                        .iter()
                        .map(|files| compose::read(&Disk, files))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        handles
            .into_iter()
            .flat_map(|handle| handle.join().unwrap_or_default())
            .collect()
    })
}

fn find_below(root: &Path, found: &mut Found) -> Result<(), Failure> {
    let mut folders: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    let walk = WalkDir::new(root).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(is_wanted) {
        let entry =
            entry.map_err(|error| Failure::new(format!("cannot read below {}: {error}", root.display())))?;
        let end = entry.path().extension().and_then(|end| end.to_str());
        if entry.file_type().is_file() && matches!(end, Some("yml" | "yaml")) {
            let folder = entry.path().parent().unwrap_or(root).to_path_buf();
            let name = entry.file_name().to_string_lossy().into_owned();
            folders.entry(folder).or_default().push(name);
        }
    }
    for (folder, names) in folders {
        let default = compose::default_files(&names);
        let whole = |name: &String| shown(&folder.join(name));
        if !default.is_empty() {
            found.projects.push(default.iter().map(whole).collect());
        }
        let others = names.iter().filter(|name| !default.contains(name));
        let wanted = others.filter(|name| {
            let bytes = Disk.read(&whole(name)).unwrap_or_default();
            compose::looks_like_compose(&String::from_utf8_lossy(&bytes))
        });
        found.projects.extend(wanted.map(|name| vec![whole(name)]));
    }
    Ok(())
}

fn is_wanted(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    let hidden = name.starts_with('.') && name.len() > 1 && entry.depth() > 0;
    !(entry.file_type().is_dir() && (hidden || SKIPPED.contains(&name.as_ref())))
}

/// A path as findings name it: without `./`.
fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.strip_prefix("./").unwrap_or(&text).to_owned()
}
