//! The policy folder on disk: a watch that says which files were written, reading them, and the copies that outlive a bad
//! file and a restart.
//!
//! A file is read when whoever wrote it has closed it or moved it there, never in between: the first half of a policy
//! is often one, too.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, DirEntry};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};

use crate::state::replace;

/// Nobody writes a longer policy.
const LONGEST: u64 = 16 << 20;
/// The folder of copies below the state's.
const COPIES: &str = "policies";

/// What a look at a file found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Its text.
    Text(Vec<u8>),
    /// Nothing.
    Gone,
    /// Something that cannot be used.
    Unreadable(String),
}

/// The folder and what was heard of it.
pub(crate) struct Folder {
    path: PathBuf,
    copies: PathBuf,
    inotify: Option<Inotify>,
    /// Which folder it was when the watch began: another may get its name.
    watched: Option<((u64, u64), WatchDescriptor)>,
    /// Files that were written since the last look.
    heard: BTreeSet<String>,
    /// Files that were removed since the last look.
    removed: BTreeSet<String>,
    /// Files that have other names, too, or may have.
    linked: BTreeSet<String>,
    /// Everything has to be read anew.
    all: bool,
}

// === impl Folder ===

impl Folder {
    /// Watches a folder, which need not exist yet.
    pub(crate) fn open(path: &Path, state: &Path) -> Self {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC);
        let inotify = inotify.inspect_err(|error| {
            tracing::warn!("changes of policies are seen only when the daemon is told (SIGHUP): {error}");
        });
        let mut folder = Self {
            path: path.to_owned(),
            copies: state.join(COPIES),
            inotify: inotify.ok(),
            watched: None,
            heard: BTreeSet::new(),
            removed: BTreeSet::new(),
            linked: BTreeSet::new(),
            all: true,
        };
        folder.aim();
        folder
    }

    /// A handle to wait on; `None` where there is no watch.
    pub(crate) fn handle(&self) -> io::Result<Option<OwnedFd>> {
        let inotify = self.inotify.as_ref();
        inotify
            .map(|inotify| inotify.as_fd().try_clone_to_owned())
            .transpose()
    }

    /// Watches whatever has the folder's name now; `true`: it is another folder than before, or there is none any more.
    pub(crate) fn aim(&mut self) -> bool {
        let now = fs::metadata(&self.path)
            .ok()
            .map(|found| (found.dev(), found.ino()));
        if now == self.watched.as_ref().map(|(known, _)| *known) {
            return false;
        }
        let Some(inotify) = &self.inotify else {
            return false;
        };
        if let Some((_, watch)) = self.watched.take() {
            let _ = inotify.rm_watch(watch);
        }
        // IN_CREATE is for links, whose text is there from the first moment.
        let flags = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_ONLYDIR;
        if let (Some(now), Ok(watch)) = (now, inotify.add_watch(&self.path, flags)) {
            self.watched = Some((now, watch));
        }
        self.all = true;
        true
    }

    /// Takes what the watch says; `true` if a look is worth it.
    pub(crate) fn hear(&mut self) -> bool {
        let mut heard = false;
        while let Some(Ok(events)) = self.inotify.as_ref().map(Inotify::read_events) {
            for event in events {
                heard = true;
                self.all |= event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW);
                let written = AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_MOVED_TO;
                let Some(Ok(name)) = event.name.map(OsString::into_string) else {
                    continue;
                };
                if event.mask.contains(AddWatchFlags::IN_DELETE) {
                    self.removed.insert(name);
                } else if event.mask.intersects(written) {
                    self.heard.insert(name);
                } else {
                    self.linked.insert(name);
                }
            }
        }
        heard
    }

    /// The next look reads every file.
    pub(crate) fn read_all(&mut self) {
        self.all = true;
    }

    /// The next look reads these.
    pub(crate) fn read(&mut self, names: impl IntoIterator<Item = String>) {
        self.heard.extend(names);
    }

    /// Reads what was written since the last look. `known` are the files in the books.
    ///
    /// A folder that is gone says nothing of them, unless they were removed before it: it may be on its way to be replaced,
    /// or not mounted.
    pub(crate) fn look<'n>(
        &mut self,
        known: impl Iterator<Item = &'n String> + Clone,
    ) -> io::Result<BTreeMap<String, Look>> {
        let all_removed = || known.clone().all(|name| self.removed.contains(name));
        let present = match list(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && all_removed() => BTreeMap::new(),
            other => other?,
        };
        self.removed.clear();
        let gone = known.filter(|name| !present.contains_key(*name));
        let mut found: BTreeMap<String, Look> = gone.map(|name| (name.clone(), Look::Gone)).collect();
        let (all, heard) = (std::mem::take(&mut self.all), std::mem::take(&mut self.heard));
        self.linked.retain(|name| present.contains_key(name));
        for (name, entry) in present {
            let written = all || heard.contains(&name);
            let symbolic = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            // With a thousand files a look at each would take milliseconds.
            let linked = (written || self.linked.contains(&name))
                && entry.metadata().is_ok_and(|found| found.nlink() > 1);
            if linked {
                self.linked.insert(name.clone());
            } else {
                self.linked.remove(&name);
            }
            // A link's text may change without a word here, and is never half written.
            if written || symbolic || linked {
                let path = self.path.join(&name);
                found.insert(name, read(&path));
            }
        }
        Ok(found)
    }

    /// The last good texts, as they were kept.
    pub(crate) fn kept(&self) -> BTreeMap<String, Vec<u8>> {
        let names = list(&self.copies).unwrap_or_default();
        let text = |name: String| Some((name.clone(), fs::read(self.copies.join(&name)).ok()?));
        names.into_keys().filter_map(text).collect()
    }

    /// Keeps a text beside the state, so that a file that goes bad means the same after a restart.
    pub(crate) fn keep(&self, name: &str, text: &[u8]) -> io::Result<()> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.copies)?;
        replace(&self.copies, name, text)
    }

    /// Forgets it.
    pub(crate) fn forget(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.copies.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The policy files in a folder, by name; hidden ones are editors'.
fn list(folder: &Path) -> io::Result<BTreeMap<String, DirEntry>> {
    let mut names = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let end = Path::new(&name).extension().and_then(|end| end.to_str());
        if matches!(end, Some("yaml" | "yml" | "json")) && !name.starts_with('.') {
            names.insert(name, entry);
        }
    }
    Ok(names)
}

fn read(path: &Path) -> Look {
    let text = || -> io::Result<Result<Vec<u8>, &str>> {
        let found = fs::metadata(path)?;
        if !found.is_file() {
            return Ok(Err("it is no file"));
        }
        if found.len() > LONGEST {
            return Ok(Err("it is too long"));
        }
        fs::read(path).map(Ok)
    };
    match text() {
        Ok(Ok(text)) => Look::Text(text),
        Ok(Err(why)) => Look::Unreadable(why.to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => Look::Gone,
        Err(error) => Look::Unreadable(format!("it cannot be read: {error}")),
    }
}
