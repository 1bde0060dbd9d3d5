//! One file over another, and a service over the one that it extends: the same rules.

use crate::position::Located;
use crate::yaml::{Entry, Node, Tag, Value};

/// Settings that replace each other whole.
const REPLACED: &[&str] = &["command", "entrypoint", "test"];
/// Lists of `KEY=VALUE` that are mappings at heart, with what stands between key and value.
const MAPPINGS: &[(&str, char)] = &[
    ("environment", '='),
    ("labels", '='),
    ("sysctls", '='),
    ("annotations", '='),
    ("args", '='),
    ("networks", '\0'),
    ("depends_on", '\0'),
];

/// `over` over `under`.
pub(super) fn overlay(under: Node, over: Node) -> Node {
    merge(under, over, "")
}

fn merge(under: Node, over: Node, key: &str) -> Node {
    if over.tag == Some(Tag::Override) || REPLACED.contains(&key) {
        return over;
    }
    let separator = MAPPINGS
        .iter()
        .find(|(name, _)| *name == key)
        .map(|(_, separator)| *separator);
    let (under, over) = match separator {
        Some(separator) => (as_map(under, separator), as_map(over, separator)),
        None => (under, over),
    };
    let at = under.at.clone();
    match (under.value, over.value) {
        (Value::Map(entries), Value::Map(more)) => Node {
            value: Value::Map(merge_entries(entries, more)),
            at,
            tag: over.tag,
        },
        (Value::List(items), Value::List(more)) => Node {
            value: Value::List(append(items, more, key)),
            at: over.at,
            tag: over.tag,
        },
        (under, over_value) => {
            let over = Node {
                value: over_value,
                at: over.at,
                tag: over.tag,
            };
            if over.is_null() {
                Node {
                    value: under,
                    at,
                    tag: None,
                }
            } else {
                over
            }
        }
    }
}

fn merge_entries(mut entries: Vec<Entry>, more: Vec<Entry>) -> Vec<Entry> {
    for entry in more {
        let old = entries.iter().position(|old| old.key.value == entry.key.value);
        if entry.node.tag == Some(Tag::Reset) {
            if let Some(old) = old {
                entries.remove(old);
            }
            continue;
        }
        match old {
            None => entries.push(entry),
            Some(old) => {
                let under = entries.remove(old);
                let node = merge(under.node, entry.node, &entry.key.value);
                entries.insert(old, Entry { key: entry.key, node });
            }
        }
    }
    entries
}

/// Lists add up. What names the same target, port or value is one: the later.
fn append(items: Vec<Node>, more: Vec<Node>, key: &str) -> Vec<Node> {
    let mut all = items;
    for item in more {
        let identity = identity(&item, key);
        if let Some(identity) = &identity
            && let Some(old) = all
                .iter_mut()
                .find(|old| self::identity(old, key).as_ref() == Some(identity))
        {
            *old = item;
        } else {
            all.push(item);
        }
    }
    all
}

/// What makes two items of a list the same.
fn identity(item: &Node, key: &str) -> Option<String> {
    match key {
        "volumes" | "devices" | "configs" | "secrets" => match &item.value {
            Value::Map(_) => item
                .text_of("target")
                .or(item.text_of("source"))
                .map(str::to_owned),
            _ => {
                let mount = crate::model::Mount::parse(item.text()?, &item.at)?;
                Some(mount.target)
            }
        },
        "command" | "entrypoint" => None,
        _ => match &item.value {
            Value::Map(entries) => {
                let texts = entries
                    .iter()
                    .map(|entry| format!("{}={}", entry.key.value, entry.node.text().unwrap_or_default()));
                Some(texts.collect::<Vec<_>>().join("\n"))
            }
            _ => item.text().map(str::to_owned),
        },
    }
}

/// A list of `KEY=VALUE` as a mapping.
fn as_map(node: Node, separator: char) -> Node {
    let Value::List(items) = node.value else {
        return node;
    };
    let entries = items.into_iter().filter_map(|item| {
        let text = item.text()?.to_owned();
        let (key, value) = match text.split_once(separator) {
            Some((key, value)) => (key.to_owned(), value.to_owned()),
            None => (text, String::new()),
        };
        Some(Entry {
            key: Located::new(key, item.at.clone()),
            node: Node {
                value: Value::Scalar {
                    text: value,
                    plain: true,
                },
                at: item.at,
                tag: None,
            },
        })
    });
    Node {
        value: Value::Map(merge_entries(Vec::new(), entries.collect())),
        at: node.at,
        tag: node.tag,
    }
}
