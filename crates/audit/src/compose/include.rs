//! `include`: whole projects of other files.

use super::{DEEPEST, Reader, paths};
use crate::model::Project;
use crate::yaml::Node;

// === impl Reader ===

impl Reader<'_> {
    /// Adds the services and networks of what `tree` includes. Its own win.
    pub(super) fn include(&mut self, tree: &Node, folder: &str, project: &mut Project, depth: usize) {
        let Some(list) = tree.get("include") else { return };
        for item in list.one_or_many() {
            let files = match item.text() {
                Some(path) => vec![paths::join(folder, path)],
                None => item
                    .get("path")
                    .map(Node::one_or_many)
                    .unwrap_or_default()
                    .iter()
                    .filter_map(|path| Some(paths::join(folder, path.text()?)))
                    .collect(),
            };
            if files.is_empty() {
                continue;
            }
            if depth >= DEEPEST {
                self.note(item.at.clone(), "includes itself in the end, left out".to_owned());
                return;
            }
            let mut inner = Reader::new(self.files);
            inner.environment.clone_from(&self.environment);
            for file in item.get("env_file").map(Node::one_or_many).unwrap_or_default() {
                if let Some(file) = file.text() {
                    inner.read_environment(&paths::join(folder, file));
                }
            }
            let included = inner.project(&files, depth + 1);
            self.notes.extend(included.notes);
            self.comments.append(&mut inner.comments);
            for service in included.services {
                if !project.services.iter().any(|other| other.name == service.name) {
                    project.services.push(service);
                }
            }
            for network in included.networks {
                if !project.networks.iter().any(|other| other.key == network.key) {
                    project.networks.push(network);
                }
            }
        }
    }
}
