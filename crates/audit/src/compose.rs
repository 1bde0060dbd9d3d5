//! Compose files as docker compose reads them, and leniently where it would refuse. Bytes come through [`Files`]; this
//! crate opens nothing. Order per file: variables, paths, `extends`; then files over each other, `include`, services.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::model::Project;
use crate::position::{Note, Position};
use crate::yaml::{self, Comment, Node, Value};

mod dotenv;
mod extends;
mod include;
mod interpolate;
mod overlay;
mod paths;
mod recognise;
mod service;
#[cfg(test)]
mod tests;
mod volumes;

pub use recognise::{default_files, looks_like_compose};

/// Where bytes come from.
pub trait Files {
    /// The file's bytes, where it can be read.
    fn read(&self, path: &str) -> Option<Vec<u8>>;

    /// A variable of the environment.
    fn variable(&self, _name: &str) -> Option<String> {
        None
    }
}

/// No file but those that are given: for fragments and tests.
#[derive(Debug, Default)]
pub struct Given(pub BTreeMap<String, Vec<u8>>);

impl Files for Given {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.0.get(path).cloned()
    }
}

/// Inclusions within inclusions.
const DEEPEST: usize = 16;

/// A project and the comments of its files.
#[derive(Debug)]
pub struct Read {
    /// What the files describe.
    pub project: Project,
    /// Their comments.
    pub comments: Vec<Comment>,
}

/// Reads one project from its files, later ones over earlier ones.
pub fn read(files: &dyn Files, paths: &[String]) -> Read {
    let mut reader = Reader::new(files);
    let mut project = reader.project(paths, 0);
    if project.services.is_empty() {
        let at = Position::start(Arc::clone(&project.file));
        let text = "no services are in it".to_owned();
        project.notes.push(Note { at, text });
    }
    // A file that several services extend is read several times.
    let (mut noted, mut remarked) = (HashSet::new(), HashSet::new());
    project
        .notes
        .retain(|note| noted.insert((note.at.clone(), note.text.clone())));
    let mut comments = reader.comments;
    comments.retain(|comment| remarked.insert(comment.at.clone()));
    Read { project, comments }
}

/// What goes through all files of a project.
pub(crate) struct Reader<'a> {
    files: &'a dyn Files,
    /// `.env` of the project's folder.
    environment: BTreeMap<String, String>,
    notes: Vec<Note>,
    comments: Vec<Comment>,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    fn new(files: &'a dyn Files) -> Self {
        Self {
            files,
            environment: BTreeMap::new(),
            notes: Vec::new(),
            comments: Vec::new(),
        }
    }

    fn project(&mut self, paths: &[String], depth: usize) -> Project {
        let first: Arc<str> = Arc::from(paths.first().map_or("", String::as_str));
        let folder = paths::folder(&first).to_owned();
        self.read_environment(&paths::join(&folder, ".env"));
        let mut whole: Option<Node> = None;
        for path in paths {
            let Some(tree) = self.tree(path, &folder) else {
                continue;
            };
            whole = Some(match whole {
                None => tree,
                Some(under) => overlay::overlay(under, tree),
            });
        }
        let mut project = Project {
            name: paths::project_name(&folder),
            file: Arc::clone(&first),
            services: Vec::new(),
            networks: Vec::new(),
            notes: Vec::new(),
        };
        if let Some(tree) = whole {
            if let Some(name) = tree.text_of("name") {
                project.name = name.to_owned();
            }
            self.include(&tree, &folder, &mut project, depth);
            service::services(&tree, &mut project, &mut self.notes);
        }
        project.notes = std::mem::take(&mut self.notes);
        project
    }

    /// The documents of one file as one tree: variables put in, paths made whole, `extends` carried out.
    fn tree(&mut self, path: &str, folder: &str) -> Option<Node> {
        let tree = self.raw_tree(path, folder)?;
        Some(self.extended(tree, path, folder))
    }

    /// The same without `extends`.
    fn raw_tree(&mut self, path: &str, folder: &str) -> Option<Node> {
        let file: Arc<str> = Arc::from(path);
        let Some(bytes) = self.files.read(path) else {
            self.note(Position::start(file), "cannot be read, left out".to_owned());
            return None;
        };
        let text = String::from_utf8_lossy(&bytes);
        let loaded = yaml::load(&file, &text);
        self.notes.extend(loaded.notes);
        self.comments.extend(loaded.comments);
        let mut whole: Option<Node> = None;
        for mut document in loaded.documents {
            if !document.is_map() {
                continue;
            }
            self.interpolate(&mut document);
            recognise::modernise(&mut document, &mut self.notes);
            paths::make_whole(&mut document, folder);
            whole = Some(match whole {
                None => document,
                Some(under) => overlay::overlay(under, document),
            });
        }
        if whole.is_none() && !text.trim().is_empty() {
            self.note(
                Position::start(file),
                "holds no mapping, so no services".to_owned(),
            );
        }
        whole
    }

    fn interpolate(&mut self, node: &mut Node) {
        match &mut node.value {
            Value::Scalar { text, plain } => {
                if text.contains('$') {
                    let environment = &self.environment;
                    let files = self.files;
                    let look = |name: &str| files.variable(name).or_else(|| environment.get(name).cloned());
                    let done = interpolate::interpolate(text, &look);
                    if let Some(what) = done.problem {
                        self.notes.push(Note {
                            at: node.at.clone(),
                            text: what,
                        });
                    }
                    *text = done.text;
                    // Text that a variable brought is never null.
                    *plain &= !text.is_empty();
                }
            }
            Value::List(items) => items.iter_mut().for_each(|item| self.interpolate(item)),
            Value::Map(entries) => entries
                .iter_mut()
                .for_each(|entry| self.interpolate(&mut entry.node)),
        }
    }

    fn read_environment(&mut self, path: &str) {
        let Some(bytes) = self.files.read(path) else {
            return;
        };
        let files = self.files;
        let outer = self.environment.clone();
        let look = |name: &str| files.variable(name).or_else(|| outer.get(name).cloned());
        let values = dotenv::parse(&String::from_utf8_lossy(&bytes), &look);
        for (key, value) in values {
            // An including project's variables win over those of what it includes.
            self.environment.entry(key).or_insert(value);
        }
    }

    fn note(&mut self, at: Position, text: String) {
        self.notes.push(Note { at, text });
    }
}
