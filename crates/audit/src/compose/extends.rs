//! `extends`: a service over another one, of this file or of another.

use super::{DEEPEST, Reader, overlay, paths};
use crate::position::Note;
use crate::yaml::{Entry, Node, Value};

/// Settings that a service never inherits.
const OWN: &[&str] = &["depends_on", "extends", "volumes_from", "links"];

// === impl Reader ===

impl Reader<'_> {
    /// The tree with every `extends` carried out.
    pub(super) fn extended(&mut self, mut tree: Node, path: &str, folder: &str) -> Node {
        let Some(services) = tree.get("services").cloned() else {
            return tree;
        };
        if !services
            .entries()
            .iter()
            .any(|entry| entry.node.get("extends").is_some())
        {
            return tree;
        }
        let mut whole = Vec::new();
        for entry in services.entries() {
            let mut chain = vec![(path.to_owned(), entry.key.value.clone())];
            let node = self.whole_service(&services, entry.node.clone(), folder, &mut chain);
            whole.push(Entry {
                key: entry.key.clone(),
                node,
            });
        }
        if let Value::Map(entries) = &mut tree.value
            && let Some(entry) = entries.iter_mut().find(|entry| entry.key.value == "services")
        {
            entry.node.value = Value::Map(whole);
        }
        tree
    }

    /// `service` over what it extends. `chain` holds the files and services on the way here.
    fn whole_service(
        &mut self,
        services: &Node,
        service: Node,
        folder: &str,
        chain: &mut Vec<(String, String)>,
    ) -> Node {
        let Some(extends) = service.get("extends").cloned() else {
            return service;
        };
        let name = extends.text().or_else(|| extends.text_of("service"));
        let Some(name) = name.map(str::to_owned) else {
            return service;
        };
        let file = extends.text_of("file").map(|file| paths::join(folder, file));
        let here = chain.last().map(|(path, _)| path.clone()).unwrap_or_default();
        let step = (file.clone().unwrap_or(here), name.clone());
        if chain.contains(&step) || chain.len() >= DEEPEST {
            self.extends_note(&extends, format!("`{name}` extends itself in the end, left out"));
            return service;
        }
        chain.push(step);
        let base = match &file {
            None => services
                .get(&name)
                .cloned()
                .map(|base| self.whole_service(services, base, folder, chain)),
            Some(file) => self.service_in(file, &name, chain),
        };
        chain.pop();
        let Some(mut base) = base else {
            self.extends_note(&extends, format!("extends `{name}`, which is not there"));
            return service;
        };
        if let Value::Map(entries) = &mut base.value {
            entries.retain(|entry| !OWN.contains(&entry.key.value.as_str()));
        }
        overlay::overlay(base, service)
    }

    fn service_in(&mut self, file: &str, name: &str, chain: &mut Vec<(String, String)>) -> Option<Node> {
        let folder = paths::folder(file).to_owned();
        let tree = self.raw_tree(file, &folder)?;
        let services = tree.get("services")?.clone();
        let base = services.get(name).cloned()?;
        Some(self.whole_service(&services, base, &folder, chain))
    }

    fn extends_note(&mut self, node: &Node, text: String) {
        self.notes.push(Note {
            at: node.at.clone(),
            text,
        });
    }
}
