//! A mistake in a file, as people read it.

use std::fmt;

use serde::Serialize;

use crate::yaml::Place;

/// What is wrong, where, and what would be right. `Display` prints four or five lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub hint: String,
    /// The line as it is written.
    pub source: String,
    /// How many characters of it are meant.
    pub width: usize,
}

/// Source lines are shown up to here.
const COLUMNS: usize = 120;

// === impl Diagnostic ===

impl Diagnostic {
    pub(crate) fn new(file: &str, text: &str, at: Place, what: String, hint: String) -> Self {
        let source = text.lines().nth(at.line.saturating_sub(1)).unwrap_or_default();
        let source: String = source.trim_end().chars().map(shown).collect();
        let left = source.chars().count().saturating_sub(at.column.saturating_sub(1));
        Self {
            file: file.to_owned(),
            line: at.line,
            column: at.column,
            what,
            hint,
            width: at.width.clamp(1, left.max(1)),
            source,
        }
    }
}

/// A caret below a tab would stand elsewhere, and a control character is no business of a terminal.
fn shown(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.what)?;
        if self.source.trim().is_empty() {
            return write!(f, "hint: {}", self.hint);
        }
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        // Of a very long line, the part around the mistake.
        let first = (self.column - 1).saturating_sub(COLUMNS / 2);
        let first = if self.source.chars().count() > COLUMNS {
            first
        } else {
            0
        };
        let part: String = self.source.chars().skip(first).take(COLUMNS).collect();
        let carets = "^".repeat(self.width.min(COLUMNS / 2));
        writeln!(f, "{number} | {part}")?;
        writeln!(f, "{margin} | {}{carets}", " ".repeat(self.column - 1 - first))?;
        write!(f, "hint: {}", self.hint)
    }
}
