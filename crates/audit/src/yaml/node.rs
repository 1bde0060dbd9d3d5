//! One value of a tree, and the questions that readers ask of it.

use crate::position::{Located, Position};

/// A value, where it stands, and compose's own tags.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Its first character.
    pub at: Position,
    /// `!reset` or `!override`.
    pub tag: Option<Tag>,
}

/// What a file may say about merging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// `!reset`: what other files said goes.
    Reset,
    /// `!override`: this instead of what other files said.
    Override,
}

/// The kinds of values.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text; numbers and booleans stay as they were written.
    Scalar {
        /// As written, quotes and escapes resolved.
        text: String,
        /// Written without quotes.
        plain: bool,
    },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key and where it stands.
    pub key: Located<String>,
    /// The value.
    pub node: Node,
}

// === impl Node ===

impl Node {
    pub(crate) fn scalar(text: String, plain: bool, at: Position) -> Self {
        Self {
            value: Value::Scalar { text, plain },
            at,
            tag: None,
        }
    }

    pub(crate) fn null(at: Position) -> Self {
        Self::scalar(String::new(), true, at)
    }

    pub(crate) fn tagged(mut self, tag: Option<Tag>) -> Self {
        self.tag = tag;
        self
    }

    /// Values below this one, itself included.
    pub(crate) fn count(&self) -> usize {
        match &self.value {
            Value::Scalar { .. } => 1,
            Value::List(items) => 1 + items.iter().map(Self::count).sum::<usize>(),
            Value::Map(entries) => 1 + entries.iter().map(|entry| entry.node.count()).sum::<usize>(),
        }
    }

    /// Nothing was written, or `null` or `~`.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(text.as_str(), "" | "null" | "~" | "Null" | "NULL"))
    }

    /// The text of a scalar that is not null.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// The text with its place.
    pub fn located(&self) -> Option<Located<String>> {
        self.text()
            .map(|text| Located::new(text.to_owned(), self.at.clone()))
    }

    /// A boolean in any spelling that compose takes.
    pub fn truth(&self) -> Option<bool> {
        match self.text()?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "y" | "on" | "1" => Some(true),
            "false" | "no" | "n" | "off" | "0" => Some(false),
            _ => None,
        }
    }

    /// A decimal number.
    pub fn number(&self) -> Option<u64> {
        self.text()?.trim().parse().ok()
    }

    /// The entries of a mapping, or none.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list, or none.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// A list's items, or a scalar alone.
    pub fn one_or_many(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            Value::Scalar { .. } if !self.is_null() => std::slice::from_ref(self),
            _ => &[],
        }
    }

    /// The value of `key` in a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries()
            .iter()
            .find(|entry| entry.key.value == key)
            .map(|entry| &entry.node)
    }

    /// The value below several keys.
    pub fn path(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text of `key`.
    pub fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    /// A mapping.
    pub fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }

    /// `KEY=VALUE` items or a mapping, as pairs; a key without value has none.
    pub fn pairs(&self, separator: char) -> Vec<(Located<String>, Option<String>)> {
        match &self.value {
            Value::Map(entries) => entries
                .iter()
                .map(|entry| (entry.key.clone(), entry.node.text().map(str::to_owned)))
                .collect(),
            Value::List(items) => items
                .iter()
                .filter_map(|item| {
                    let text = item.text()?;
                    let (key, value) = match text.split_once(separator) {
                        Some((key, value)) => (key, Some(value.to_owned())),
                        None => (text, None),
                    };
                    Some((Located::new(key.trim().to_owned(), item.at.clone()), value))
                })
                .collect(),
            Value::Scalar { .. } => Vec::new(),
        }
    }
}

/// Adds what a merge key brings: keys that are there already win.
pub(super) fn merge_key(entries: &mut Vec<Entry>, merge: Node) {
    let Value::Map(more) = merge.value else { return };
    for entry in more {
        if !entries.iter().any(|old| old.key.value == entry.key.value) {
            entries.push(entry);
        }
    }
}
