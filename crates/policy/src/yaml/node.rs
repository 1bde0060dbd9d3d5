//! One value of a tree, and the questions that readers ask of it.

use super::Place;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) at: Place,
}

/// The kinds of values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Text, quotes and escapes resolved; numbers and booleans stay as they were written.
    Scalar { text: String, plain: bool },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: Place,
    pub(crate) node: Node,
}

// === impl Node ===

impl Node {
    /// Values below this one, itself included.
    pub(crate) fn count(&self) -> usize {
        match &self.value {
            Value::Scalar { .. } => 1,
            Value::List(items) => 1 + items.iter().map(Self::count).sum::<usize>(),
            Value::Map(entries) => 1 + entries.iter().map(|entry| entry.node.count()).sum::<usize>(),
        }
    }

    /// Nothing was written, or `null` or `~`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(text.as_str(), "" | "null" | "~" | "Null" | "NULL"))
    }

    /// A string: a scalar that YAML does not take for something else.
    pub(crate) fn string(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, plain } if !plain || !is_typed(text) => Some(text),
            _ => None,
        }
    }

    /// A decimal number.
    pub(crate) fn number(&self) -> Option<i64> {
        match &self.value {
            Value::Scalar { text, plain: true } => text.parse().ok(),
            _ => None,
        }
    }

    /// `true` or `false`.
    pub(crate) fn truth(&self) -> Option<bool> {
        match &self.value {
            Value::Scalar { text, plain: true } => match text.as_str() {
                "true" | "True" | "TRUE" => Some(true),
                "false" | "False" | "FALSE" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// In words, for messages.
    pub(crate) fn kind(&self) -> String {
        match &self.value {
            _ if self.is_null() => "nothing".to_owned(),
            Value::Scalar { text, plain: true } if self.number().is_some() => format!("the number {text}"),
            Value::Scalar { text, plain: true } if is_typed(text) => format!("{text}, which is no text"),
            Value::Scalar { text, .. } => format!("{text:?}"),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }
}

/// What YAML 1.1 and 1.2 readers, Kubernetes' among them, take for a number, a truth value or nothing.
fn is_typed(plain: &str) -> bool {
    let lower = plain.to_ascii_lowercase();
    matches!(
        lower.as_str(),
        "" | "~" | "null" | "true" | "false" | "yes" | "no" | "on" | "off" | ".inf" | ".nan"
    ) || plain.parse::<f64>().is_ok() && !lower.contains("inf") && !lower.contains("nan")
}
