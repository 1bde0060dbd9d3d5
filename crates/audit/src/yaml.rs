//! YAML and JSON as a tree whose every value knows its place. Parsing is granit-parser's; here: anchors, merge keys,
//! and leniency. A file that breaks in the middle gives what stood before, and a note.

use std::collections::HashMap;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, Span, Tag as ParserTag};

use crate::position::{Located, Note, Position};

mod node;
#[cfg(test)]
mod tests;

pub use node::{Entry, Node, Tag, Value};

/// Values that aliases and merge keys may add up to: a few nested anchors can ask for billions.
const MOST_NODES: usize = 400_000;
/// Containers within containers: deeper is no configuration, and the reader's stack ends somewhere.
const DEEPEST: usize = 96;

/// What one file holds.
#[derive(Debug, Default)]
pub struct Loaded {
    /// One tree per document.
    pub documents: Vec<Node>,
    /// Comments, in the order of the file.
    pub comments: Vec<Comment>,
    /// What was wrong.
    pub notes: Vec<Note>,
}

/// A comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// What stands behind `#`.
    pub text: String,
    /// The `#`.
    pub at: Position,
    /// Nothing stands before it.
    pub alone: bool,
    /// The next line that is neither empty nor a comment.
    pub next_line: u32,
}

/// Reads a whole file.
pub fn load(file: &Arc<str>, text: &str) -> Loaded {
    let mut reader = Reader {
        file: Arc::clone(file),
        loaded: Loaded::default(),
        open: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let options = granit_parser::options! {
        simple_key_max_lookahead: 1 << 16,
        max_buffered_comment_events: 1 << 16,
        flow_nesting_limit: DEEPEST,
        block_nesting_limit: DEEPEST,
    };
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => {
                if let Err(what) = reader.event(event, &span) {
                    reader.note(&span, what);
                    break;
                }
            }
            Err(error) => {
                let (line, column) = (error.marker().line(), error.marker().col());
                let at = reader.place(line, column);
                let text = format!("not valid YAML, read up to here: {}", error.info());
                reader.loaded.notes.push(Note { at, text });
                break;
            }
        }
    }
    let mut loaded = reader.finish();
    place_comments(&mut loaded.comments, text);
    loaded
}

/// Says of each comment whether it stands alone, and before what.
fn place_comments(comments: &mut [Comment], text: &str) {
    if comments.is_empty() {
        return;
    }
    let is_content = |line: &str| !(line.trim().is_empty() || line.trim_start().starts_with('#'));
    let contents: Vec<bool> = text.lines().map(is_content).collect();
    for comment in comments {
        let line = usize::try_from(comment.at.line).unwrap_or(usize::MAX);
        comment.alone = contents.get(line.saturating_sub(1)) == Some(&false);
        let next = contents.iter().skip(line).position(|content| *content);
        comment.next_line = next
            .and_then(|skipped| u32::try_from(line + skipped + 1).ok())
            .unwrap_or(comment.at.line);
    }
}

/// A container that is still open.
struct Open {
    node: Node,
    anchor: usize,
    /// The key that waits for its value.
    key: Option<Located<String>>,
    merges: Vec<Node>,
}

struct Reader {
    file: Arc<str>,
    loaded: Loaded,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

// === impl Reader ===

impl Reader {
    fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), String> {
        let at = self.place(span.start.line(), span.start.col());
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let node = Node::scalar(text.into_owned(), plain, at).tagged(tag.as_deref().and_then(tag_of));
                self.close(node, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.begin(Value::List(Vec::new()), at, anchor, tag.as_deref());
                Ok(())
            }
            Event::MappingStart(_, anchor, tag) => {
                self.begin(Value::Map(Vec::new()), at, anchor, tag.as_deref());
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(id) => {
                let Some(target) = self.anchors.get(&id) else {
                    return self.close(Node::null(at), 0);
                };
                self.nodes += target.count();
                if self.nodes > MOST_NODES {
                    return Err("aliases add up to more than anybody writes, read up to here".to_owned());
                }
                let node = target.clone();
                self.close(node, 0)
            }
            Event::Comment(text, _) => {
                self.loaded.comments.push(Comment {
                    text: text.into_owned(),
                    next_line: at.line,
                    alone: false,
                    at,
                });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, value: Value, at: Position, anchor: usize, tag: Option<&ParserTag>) {
        let node = Node {
            value,
            at,
            tag: tag.and_then(tag_of),
        };
        self.open.push(Open {
            node,
            anchor,
            key: None,
            merges: Vec::new(),
        });
    }

    fn end(&mut self) -> Result<(), String> {
        let Some(mut open) = self.open.pop() else {
            return Ok(());
        };
        if let Value::Map(entries) = &mut open.node.value {
            for merge in std::mem::take(&mut open.merges) {
                node::merge_key(entries, merge);
            }
        }
        self.close(open.node, open.anchor)
    }

    /// A value is whole: it goes into its container, or is a document.
    fn close(&mut self, node: Node, anchor: usize) -> Result<(), String> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.loaded.documents.push(node);
            return Ok(());
        };
        match &mut open.node.value {
            Value::List(items) => items.push(node),
            Value::Map(entries) => match open.key.take() {
                None => open.key = Some(Located::new(node.text().unwrap_or_default().to_owned(), node.at)),
                Some(key) if key.value == "<<" => {
                    if let Some(note) = add_merge(&mut open.merges, node) {
                        self.loaded.notes.push(note);
                    }
                }
                Some(key) => {
                    if let Some(old) = entries.iter_mut().find(|entry| entry.key.value == key.value) {
                        let text = format!("`{}` is written twice, the second counts", key.value);
                        self.loaded.notes.push(Note {
                            at: key.at.clone(),
                            text,
                        });
                        *old = Entry { key, node };
                    } else {
                        entries.push(Entry { key, node });
                    }
                }
            },
            _ => {}
        }
        Ok(())
    }

    fn place(&self, line: usize, column: usize) -> Position {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        // The parser counts lines from 1 and columns from 0.
        Position::new(
            Arc::clone(&self.file),
            number(line).max(1),
            number(column).saturating_add(1),
        )
    }

    fn note(&mut self, span: &Span, text: String) {
        let at = self.place(span.start.line(), span.start.col());
        self.loaded.notes.push(Note { at, text });
    }

    /// Closes what a broken file left open.
    fn finish(mut self) -> Loaded {
        while !self.open.is_empty() {
            let before = self.open.len();
            if let Some(open) = self.open.last_mut()
                && let Some(key) = open.key.take()
                && let Value::Map(entries) = &mut open.node.value
            {
                let node = Node::null(key.at.clone());
                entries.push(Entry { key, node });
            }
            if self.end().is_err() {
                break;
            }
            debug_assert!(self.open.len() < before, "one container closed");
        }
        self.loaded
    }
}

/// The value of `<<`: a mapping or several.
fn add_merge(merges: &mut Vec<Node>, node: Node) -> Option<Note> {
    let at = node.at.clone();
    match node.value {
        Value::Map(_) => merges.push(node),
        Value::List(items) => merges.extend(items),
        _ => {
            let text = "`<<` needs a mapping or a list of mappings, left out".to_owned();
            return Some(Note { at, text });
        }
    }
    None
}

fn tag_of(tag: &ParserTag) -> Option<Tag> {
    match tag.suffix() {
        "reset" => Some(Tag::Reset),
        "override" => Some(Tag::Override),
        _ => None,
    }
}
