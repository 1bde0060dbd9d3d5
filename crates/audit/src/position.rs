//! Where a value stands: file, line, column. Everything that the audit reads keeps its place, so that a finding can
//! name it.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A place in a file. Lines and columns count from 1; columns count characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The file as the caller named it, or `docker:web`, `host:listeners` for what no file says.
    pub file: Arc<str>,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
}

// === impl Position ===

impl Position {
    /// A place in `file`.
    pub fn new(file: impl Into<Arc<str>>, line: u32, column: u32) -> Self {
        Self {
            file: file.into(),
            line,
            column,
        }
    }

    /// The first character of a file.
    pub fn start(file: impl Into<Arc<str>>) -> Self {
        Self::new(file, 1, 1)
    }

    /// No file: an object of the running host, such as `docker:web`.
    pub fn is_live(&self) -> bool {
        ["docker:", "podman:", "engine:", "host:", "run:"]
            .iter()
            .any(|scheme| self.file.starts_with(scheme))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_live() {
            out.write_str(&self.file)
        } else {
            write!(out, "{}:{}:{}", self.file, self.line, self.column)
        }
    }
}

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Its first character.
    pub at: Position,
}

// === impl Located ===

impl<T> Located<T> {
    /// `value`, written at `at`.
    pub fn new(value: T, at: Position) -> Self {
        Self { value, at }
    }

    /// The same place, another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Located<U> {
        Located::new(change(self.value), self.at)
    }
}

impl<T: Serialize> Serialize for Located<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

/// Something that was read leniently, or not at all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// Where.
    pub at: Position,
    /// What, in one line.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.at, self.text)
    }
}
