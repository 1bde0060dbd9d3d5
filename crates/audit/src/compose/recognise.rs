//! Which files are compose files, and older shapes of them: version 1 without `services:`, fragments of one service.

use crate::position::{Located, Note};
use crate::yaml::{Entry, Node, Value};

/// Names that docker compose takes by itself, the first that is there.
const DEFAULTS: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
];
/// What it lays over that, the first that is there, whatever the other one is called.
const OVERRIDES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];
/// Top-level keys that are no services.
const TOP: &[&str] = &[
    "version", "name", "services", "networks", "volumes", "configs", "secrets", "include", "models",
];
/// Keys of a service, one of which says that a mapping is one.
const SERVICE: &[&str] = &[
    "image",
    "build",
    "extends",
    "network_mode",
    "ports",
    "container_name",
    "cap_add",
    "privileged",
    "volumes",
    "command",
    "environment",
];

/// What docker compose reads of a folder with these file names: a file and its override.
pub fn default_files(names: &[String]) -> Vec<String> {
    let has = |name: &str| names.iter().any(|other| other == name);
    let Some(main) = DEFAULTS.iter().find(|name| has(name)) else {
        return Vec::new();
    };
    let over = OVERRIDES
        .iter()
        .find(|name| has(name))
        .map(|name| (*name).to_owned());
    std::iter::once((*main).to_owned()).chain(over).collect()
}

/// The text describes services: a name that is no default must have this.
pub fn looks_like_compose(text: &str) -> bool {
    let file = std::sync::Arc::from("");
    let loaded = crate::yaml::load(&file, text);
    loaded.documents.iter().any(|document| {
        let services = document.get("services");
        services.is_some_and(|services| services.entries().iter().any(|entry| is_service(&entry.node)))
            || (services.is_none() && old_shape(document) == Some(Shape::First) && loaded.notes.is_empty())
    })
}

#[derive(PartialEq, Eq)]
enum Shape {
    /// Version 1: services at the top.
    First,
    /// One service alone.
    Fragment,
}

/// Gives an old file or a fragment its `services:`.
pub(super) fn modernise(document: &mut Node, notes: &mut Vec<Note>) {
    let Some(shape) = old_shape(document) else { return };
    let at = document.at.clone();
    let Value::Map(top) = &mut document.value else {
        return;
    };
    let mut note = |text: &str| {
        notes.push(Note {
            at: at.clone(),
            text: text.to_owned(),
        });
    };
    let services = match shape {
        Shape::First => {
            note("no `services:`, read as a file of version 1");
            let (services, rest): (Vec<Entry>, Vec<Entry>) = std::mem::take(top)
                .into_iter()
                .partition(|entry| is_service(&entry.node));
            *top = rest;
            services
        }
        Shape::Fragment => {
            note("no `services:`, read as a single service");
            vec![Entry {
                key: Located::new("service".to_owned(), at.clone()),
                node: Node {
                    value: Value::Map(std::mem::take(top)),
                    at: at.clone(),
                    tag: None,
                },
            }]
        }
    };
    top.push(Entry {
        key: Located::new("services".to_owned(), at.clone()),
        node: Node {
            value: Value::Map(services),
            at,
            tag: None,
        },
    });
}

fn old_shape(document: &Node) -> Option<Shape> {
    if document.get("services").is_some() || document.get("include").is_some() {
        return None;
    }
    let own = |entry: &&Entry| !TOP.contains(&entry.key.value.as_str()) && !entry.key.value.starts_with("x-");
    if ["image", "build"]
        .iter()
        .any(|key| document.get(key).is_some_and(|node| node.text().is_some()))
        && document
            .entries()
            .iter()
            .filter(own)
            .any(|entry| SERVICE.contains(&entry.key.value.as_str()))
    {
        return Some(Shape::Fragment);
    }
    let mut entries = document.entries().iter().filter(own).peekable();
    entries.peek()?;
    entries
        .all(|entry| is_service(&entry.node))
        .then_some(Shape::First)
}

fn is_service(node: &Node) -> bool {
    node.entries()
        .iter()
        .any(|entry| SERVICE.contains(&entry.key.value.as_str()))
}
