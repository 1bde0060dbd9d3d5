//! YAML and JSON as a tree whose every value knows its place. Strict: a file is either whole or it is refused.
//!
//! Parsing is granit-parser's. What a document means is in `documents`; a lenient reader of foreign files is in
//! `crates/audit`.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Span};

mod node;
mod scalar;
#[cfg(test)]
mod tests;

pub(crate) use node::{Entry, Node, Value};
pub use scalar::{is_printable, scalar};

/// A place in a file, counted from 1; columns in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
    /// How many characters it is about.
    pub(crate) width: usize,
}

/// What a text is not allowed to hold, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Defect {
    pub(crate) at: Place,
    pub(crate) what: String,
    pub(crate) hint: String,
}

/// Containers within containers: deeper is no policy, and the reader's stack ends somewhere.
const DEEPEST: usize = 64;
/// Values that aliases may add up to: a few nested anchors can ask for billions.
const MOST_ALIASED: usize = 10_000;

/// The documents of a text; those that hold nothing are left out.
pub(crate) fn load(text: &str) -> Result<Vec<Node>, Defect> {
    let mut reader = Reader::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let options = granit_parser::options! {
        simple_key_max_lookahead: 1 << 16,
        max_buffered_comment_events: 1 << 16,
        flow_nesting_limit: DEEPEST,
        block_nesting_limit: DEEPEST,
    };
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| Defect {
            at: point(error.marker().line(), error.marker().col()),
            what: format!("not valid YAML: {}", error.info()),
            hint: syntax_hint(text, error.marker().line()),
        })?;
        reader.event(event, &span)?;
    }
    reader.documents.retain(|document| !document.is_null());
    Ok(reader.documents)
}

/// A container that is still open.
struct Open {
    node: Node,
    anchor: usize,
    key: Option<(String, Place)>,
}

#[derive(Default)]
struct Reader {
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    aliased: usize,
}

// === impl Reader ===

impl Reader {
    fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), Defect> {
        let at = place(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                refuse_tag(tag.is_some(), at)?;
                let plain = style == ScalarStyle::Plain;
                let text = text.into_owned();
                let value = Value::Scalar { text, plain };
                self.close(Node { value, at }, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                refuse_tag(tag.is_some(), at)?;
                self.begin(Value::List(Vec::new()), at, anchor);
                Ok(())
            }
            Event::MappingStart(_, anchor, tag) => {
                refuse_tag(tag.is_some(), at)?;
                self.begin(Value::Map(Vec::new()), at, anchor);
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.close(open.node, open.anchor),
                None => Ok(()),
            },
            Event::Alias(id) => self.alias(id, at),
            _ => Ok(()),
        }
    }

    /// A copy of what was written elsewhere; mistakes in it are shown where it was written.
    fn alias(&mut self, id: usize, at: Place) -> Result<(), Defect> {
        let Some(target) = self.anchors.get(&id).cloned() else {
            return Err(extra(at, "an alias of itself"));
        };
        self.aliased += target.count();
        if self.aliased > MOST_ALIASED {
            return Err(extra(at, "so much by aliases"));
        }
        self.close(target, 0)
    }

    fn begin(&mut self, value: Value, at: Place, anchor: usize) {
        let at = Place { width: 1, ..at };
        self.open.push(Open {
            node: Node { value, at },
            anchor,
            key: None,
        });
    }

    /// A value is whole: it goes into its container, or is a document.
    fn close(&mut self, node: Node, anchor: usize) -> Result<(), Defect> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        match &mut open.node.value {
            Value::List(items) => items.push(node),
            Value::Map(entries) => match open.key.take() {
                None => open.key = Some(key(node)?),
                Some((key, at)) => {
                    if entries.iter().any(|entry| entry.key == key) {
                        return Err(Defect {
                            at,
                            what: format!("`{key}` is written twice"),
                            hint: "keep one of them; a list item of its own starts with `-`".to_owned(),
                        });
                    }
                    entries.push(Entry { key, at, node });
                }
            },
            Value::Scalar { .. } => {}
        }
        Ok(())
    }
}

fn key(node: Node) -> Result<(String, Place), Defect> {
    match node.value {
        Value::Scalar { text, .. } => Ok((text, node.at)),
        _ => Err(Defect {
            at: node.at,
            what: "a key is a word, not a list or a mapping".to_owned(),
            hint: "write `key: value`".to_owned(),
        }),
    }
}

fn refuse_tag(tagged: bool, at: Place) -> Result<(), Defect> {
    if tagged { Err(extra(at, "a tag")) } else { Ok(()) }
}

fn extra(at: Place, what: &str) -> Defect {
    Defect {
        at,
        what: format!("{what} is not part of the format"),
        hint: "write the value out where it is needed".to_owned(),
    }
}

fn place(span: &Span) -> Place {
    let start = point(span.start.line(), span.start.col());
    let one_line = span.start.line() == span.end.line();
    let width = span.end.col().saturating_sub(span.start.col());
    Place {
        width: if one_line { width.max(1) } else { 1 },
        ..start
    }
}

/// The parser counts lines from 1 and columns from 0.
fn point(line: usize, column: usize) -> Place {
    Place {
        line: line.max(1),
        column: column + 1,
        width: 1,
    }
}

/// The mistakes that the parser's own words do not name.
fn syntax_hint(text: &str, line: usize) -> String {
    let near = text.lines().skip(line.saturating_sub(2)).take(2);
    if near
        .clone()
        .any(|line| line.trim_start_matches(' ').starts_with('\t'))
    {
        return "indent with blanks; YAML takes no tab".to_owned();
    }
    "compare the indentation with the lines above: keys of one mapping begin in one column, and a blank follows each `:`"
        .to_owned()
}
