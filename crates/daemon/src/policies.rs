//! The books of the policy folder: what each file says, and what of it is in force.
//!
//! PURE but for `folder`, which reads. A file that is bad, repeats another's policy or does not fit changes nothing: what it
//! said before stays, also over a restart, and the mistake stands in the books until the file is mended. What documents
//! mean is `crates/policy`'s; when to look and what to do with the answer is `engine`'s.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cofferdam_policy::{CompileError, Diagnostic, Document, documents};

pub(crate) use folder::{Folder, Look};

mod folder;
#[cfg(test)]
mod tests;

/// All files, by name.
pub(crate) struct Policies {
    /// Where they lie.
    folder: PathBuf,
    files: Arc<BTreeMap<String, File>>,
    /// Why the folder could not be looked at the last time.
    unread: Option<String>,
}

/// One file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct File {
    /// What it says now; `None` where it cannot be read.
    seen: Option<Arc<[u8]>>,
    /// What of it is in force: the last text that was good.
    pub(crate) good: Arc<Good>,
    /// Why that is not what it says now.
    pub(crate) mistakes: Vec<Diagnostic>,
}

/// A text and what it means.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Good {
    /// As it was written.
    pub(crate) text: Arc<[u8]>,
    /// What it says.
    pub(crate) documents: Vec<Arc<Document>>,
}

/// The books as they would be. Files can be taken out of it again one by one.
pub(crate) struct Proposal {
    folder: PathBuf,
    old: Arc<BTreeMap<String, File>>,
    new: BTreeMap<String, File>,
    /// Those that say something else than what is in force.
    changed: BTreeSet<String>,
}

/// What a proposal made of one file, for the log and for what is kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome<'p> {
    /// It says something new, and that is in force.
    Taken(&'p Good),
    /// It is gone, and its policies with it.
    Gone,
    /// It has mistakes that it had not before.
    Refused(&'p File),
}

// === impl Policies ===

impl Policies {
    /// The books of a folder; `kept` are the last good texts of its files, as an earlier daemon kept them.
    pub(crate) fn new(folder: &Path, kept: BTreeMap<String, Vec<u8>>) -> Self {
        let mut files = BTreeMap::new();
        for (name, text) in kept {
            let Ok(documents) = documents::parse(&shown(folder, &name), &text) else {
                tracing::warn!(
                    "what {} said before was kept, and cannot be read any more",
                    shown(folder, &name)
                );
                continue;
            };
            let text: Arc<[u8]> = text.into();
            let file = File {
                seen: Some(Arc::clone(&text)),
                good: Arc::new(Good { text, documents }),
                mistakes: Vec::new(),
            };
            files.insert(name, file);
        }
        Self {
            folder: folder.to_owned(),
            files: Arc::new(files),
            unread: None,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn files(&self) -> &BTreeMap<String, File> {
        &self.files
    }

    /// The documents in force at `now`, in seconds since 1970.
    pub(crate) fn in_force(&self, now: u64) -> Vec<Arc<Document>> {
        documents_of(&self.files, now)
    }

    /// The folder could not be looked at; what it said stays. Returns the line about it.
    pub(crate) fn lose(&mut self, why: &str) -> &str {
        let folder = self.folder.display();
        let line =
            format!("policies in {folder} cannot be read, what they said before stays in force: {why}");
        self.unread.insert(line)
    }

    /// Every mistake, one line each.
    pub(crate) fn complaints(&self) -> impl Iterator<Item = String> {
        let files = self.files.values();
        let mistakes = files.flat_map(|file| file.mistakes.iter().map(|mistake| line(mistake, file)));
        self.unread.iter().cloned().chain(mistakes)
    }

    /// What would be in force after a look. Files that were not looked at say what they said.
    pub(crate) fn propose(&self, looks: BTreeMap<String, Look>) -> Proposal {
        let mut proposal = Proposal {
            folder: self.folder.clone(),
            old: Arc::clone(&self.files),
            new: BTreeMap::clone(&self.files),
            changed: BTreeSet::new(),
        };
        for (name, look) in looks {
            proposal.note(name, look);
        }
        proposal.read();
        proposal.part();
        proposal
    }

    /// Makes a proposal the books.
    pub(crate) fn take(&mut self, proposal: Proposal) {
        self.files = Arc::new(proposal.new);
        self.unread = None;
    }
}

// === impl Proposal ===

impl Proposal {
    /// The documents that would be in force at `now`.
    pub(crate) fn in_force(&self, now: u64) -> Vec<Arc<Document>> {
        documents_of(&self.new, now)
    }

    /// Whether other documents would be in force than now.
    pub(crate) fn changes(&self) -> bool {
        let says = |files: &BTreeMap<String, File>| -> Vec<Arc<Good>> {
            let good = files.values().map(|file| Arc::clone(&file.good));
            good.filter(|good| !good.documents.is_empty()).collect()
        };
        says(&self.old) != says(&self.new)
    }

    /// Takes back what does not fit: the file at fault, or all that changed where that is not clear. `false`: there is
    /// nothing to take back.
    pub(crate) fn withdraw(&mut self, error: &CompileError) -> bool {
        let named = error.rule().map(|rule| rule.source.as_str()).unwrap_or_default();
        let at_fault = |name: &&String| named.starts_with(&format!("{}:", shown(&self.folder, name)));
        let guilty: Vec<String> = match self.changed.iter().find(at_fault) {
            Some(name) => vec![name.clone()],
            None => self.changed.iter().cloned().collect(),
        };
        for name in &guilty {
            let what = format!("it does not fit: {error}");
            let mistake = mistake(
                &self.folder,
                name,
                what,
                "say less, or to fewer workloads, at once",
            );
            self.put_back(name, vec![mistake]);
        }
        !guilty.is_empty()
    }

    /// What became of each file that is not as before.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = (&str, Outcome<'_>)> {
        let gone = self.old.keys().filter(|name| !self.new.contains_key(*name));
        let gone = gone.map(|name| (name.as_str(), Outcome::Gone));
        let stays = self.new.iter().filter_map(|(name, file)| {
            let old = self.old.get(name);
            if !file.mistakes.is_empty() && old.is_none_or(|old| old.mistakes != file.mistakes) {
                return Some((name.as_str(), Outcome::Refused(file)));
            }
            let is_new = old.is_none_or(|old| old.good != file.good);
            (is_new && file.mistakes.is_empty()).then(|| (name.as_str(), Outcome::Taken(&file.good)))
        });
        gone.chain(stays)
    }

    fn note(&mut self, name: String, look: Look) {
        match look {
            Look::Gone => drop(self.new.remove(&name)),
            Look::Text(text) => self.new.entry(name).or_default().seen = Some(text.into()),
            Look::Unreadable(why) => {
                let hint = "policies are files that root can read, of 16 MiB at most";
                let mistake = mistake(&self.folder, &name, why, hint);
                let file = self.new.entry(name).or_default();
                (file.seen, file.mistakes) = (None, vec![mistake]);
            }
        }
    }

    /// Reads every text that is not in force, also those that were refused before: what stood in their way may be gone.
    fn read(&mut self) {
        for (name, file) in &mut self.new {
            let Some(seen) = &file.seen else { continue };
            file.mistakes.clear();
            if *seen == file.good.text {
                continue;
            }
            // Whoever empties a file may be about to write it, or had no room to.
            if seen.trim_ascii().is_empty() && !file.good.documents.is_empty() {
                let hint = "remove the file to remove its policies";
                file.mistakes = vec![mistake(&self.folder, name, "the file is empty".to_owned(), hint)];
                continue;
            }
            let read = documents::parse(&shown(&self.folder, name), seen).and_then(|documents| {
                let twice = documents::twice(&documents);
                if twice.is_empty() {
                    Ok(documents)
                } else {
                    Err(twice)
                }
            });
            match read {
                Ok(documents) => {
                    let text = Arc::clone(seen);
                    file.good = Arc::new(Good { text, documents });
                    self.changed.insert(name.clone());
                }
                Err(mistakes) => file.mistakes = mistakes,
            }
        }
    }

    /// Of two files with a policy of the same name, the one that said it before keeps it.
    fn part(&mut self) {
        while let Some((loser, mistake)) = self.rivals() {
            self.put_back(&loser, vec![mistake]);
        }
    }

    /// The first file that has to give way, and why.
    fn rivals(&self) -> Option<(String, Diagnostic)> {
        let mut first: HashMap<(&Option<String>, &str), (&String, &Document)> = HashMap::new();
        for (name, file) in &self.new {
            for document in &file.good.documents {
                let key = (&document.namespace, document.name.as_str());
                let Some((holder, before)) = first.insert(key, (name, document)) else {
                    continue;
                };
                let said_before = |name: &String| {
                    let old = self.old.get(name).map(|old| &old.good.documents);
                    old.is_some_and(|old| {
                        old.iter()
                            .any(|one| (&one.namespace, &one.name) == (&document.namespace, &document.name))
                    })
                };
                let holder_yields =
                    !self.changed.contains(name) || (said_before(name) && !said_before(holder));
                return if holder_yields && self.changed.contains(holder) {
                    Some((holder.clone(), before.repeats(document)))
                } else {
                    Some((name.clone(), document.repeats(before)))
                };
            }
        }
        None
    }

    /// The file says what it said before, and has these mistakes.
    fn put_back(&mut self, name: &str, mistakes: Vec<Diagnostic>) {
        self.changed.remove(name);
        if let Entry::Occupied(mut file) = self.new.entry(name.to_owned()) {
            let old = self.old.get(name).map(|old| Arc::clone(&old.good));
            let file = file.get_mut();
            (file.good, file.mistakes) = (old.unwrap_or_default(), mistakes);
        }
    }
}

/// One line about a mistake.
pub(crate) fn line(mistake: &Diagnostic, file: &File) -> String {
    let Diagnostic {
        file: path,
        line,
        column,
        what,
        hint,
        ..
    } = mistake;
    let meanwhile = if file.good.documents.is_empty() {
        "nothing of it is in force"
    } else {
        "what it said before stays in force"
    };
    format!("{path}:{line}:{column}: {what}; {meanwhile}; hint: {hint}")
}

fn mistake(folder: &Path, name: &str, what: String, hint: &str) -> Diagnostic {
    Diagnostic {
        file: shown(folder, name),
        line: 1,
        column: 1,
        what,
        hint: hint.to_owned(),
        source: String::new(),
        width: 1,
    }
}

fn documents_of(files: &BTreeMap<String, File>, now: u64) -> Vec<Arc<Document>> {
    let all = files.values().flat_map(|file| &file.good.documents);
    all.filter(|document| !document.has_ended(now)).cloned().collect()
}

/// A file as messages and rules name it.
fn shown(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}
