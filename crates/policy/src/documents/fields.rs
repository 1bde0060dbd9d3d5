//! Reading a mapping field by field: what is asked for is taken, what is left over is a mistake.

use crate::yaml::{self, Entry, Node, Place, Value};

use super::Diagnostic;

/// The file that is read and what was found wrong in it.
pub(crate) struct Report {
    file: String,
    text: String,
    found: Vec<Diagnostic>,
}

/// Nobody reads more of them.
const MOST: usize = 100;

/// A mapping of which fields are taken.
pub(crate) struct Fields<'n> {
    pub(crate) at: Place,
    entries: &'n [Entry],
    /// What it is, for messages: `a policy`, `spec`.
    what: &'static str,
    asked: Vec<&'static str>,
}

// === impl Report ===

impl Report {
    pub(crate) fn new(file: &str, bytes: &[u8]) -> Self {
        let mut report = Self {
            file: file.to_owned(),
            text: String::from_utf8_lossy(bytes).into_owned(),
            found: Vec::new(),
        };
        if let Err(error) = std::str::from_utf8(bytes) {
            let before = String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default());
            let place = Place {
                line: before.matches('\n').count() + 1,
                column: before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1,
                width: 1,
            };
            report.at(place, "this is no UTF-8 text", "save the file as UTF-8");
        }
        report
    }

    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// The trees of the text; none if it is not well-formed.
    pub(crate) fn load(&mut self) -> Vec<Node> {
        if !self.found.is_empty() {
            return Vec::new();
        }
        match yaml::load(&self.text) {
            Ok(nodes) => nodes,
            Err(defect) => {
                self.at(defect.at, defect.what, defect.hint);
                Vec::new()
            }
        }
    }

    pub(crate) fn at(&mut self, at: Place, what: impl Into<String>, hint: impl Into<String>) {
        if self.found.len() < MOST {
            let diagnostic = Diagnostic::new(&self.file, &self.text, at, what.into(), hint.into());
            if !self.found.contains(&diagnostic) {
                self.found.push(diagnostic);
            }
        }
    }

    pub(crate) fn missing(&mut self, fields: &Fields<'_>, field: &str, hint: &str) {
        self.at(
            fields.at,
            format!("`{field}` is missing in {}", fields.what),
            hint,
        );
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.found.is_empty()
    }

    pub(crate) fn finish<T>(mut self, value: T) -> Result<T, Vec<Diagnostic>> {
        if self.found.is_empty() {
            return Ok(value);
        }
        self.found.sort_by_key(|found| (found.line, found.column));
        Err(self.found)
    }
}

// === impl Fields ===

impl<'n> Fields<'n> {
    /// The fields of a mapping; reports what is none.
    pub(crate) fn open(report: &mut Report, node: &'n Node, what: &'static str) -> Option<Self> {
        match &node.value {
            Value::Map(entries) => Some(Self {
                at: entries.first().map_or(node.at, |first| first.at),
                entries,
                what,
                asked: Vec::new(),
            }),
            _ => {
                report.at(
                    node.at,
                    format!("{what} is a mapping, not {}", node.kind()),
                    "write `field: value` lines below it, indented by two blanks",
                );
                None
            }
        }
    }

    pub(crate) fn entries(&self) -> &'n [Entry] {
        self.entries
    }

    fn entry(&self, name: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|entry| entry.key == name)
    }

    /// Where the field's value stands, or the mapping.
    pub(crate) fn value_place(&self, name: &str) -> Place {
        self.entry(name).map_or(self.at, |entry| entry.node.at)
    }

    /// Where the field's name stands, or the mapping.
    pub(crate) fn key_place(&self, name: &str) -> Place {
        self.entry(name).map_or(self.at, |entry| entry.at)
    }

    /// A field's value that may be null; `None` if it is not written at all.
    pub(crate) fn nullable(&mut self, name: &'static str) -> Option<&'n Node> {
        self.asked.push(name);
        self.entry(name).map(|entry| &entry.node)
    }

    /// A field's value; null counts as not written.
    pub(crate) fn node(&mut self, name: &'static str) -> Option<&'n Node> {
        self.nullable(name).filter(|node| !node.is_null())
    }

    /// Takes a field whatever it holds.
    pub(crate) fn ignore(&mut self, name: &'static str) {
        self.asked.push(name);
    }

    pub(crate) fn text(&mut self, report: &mut Report, name: &'static str) -> Option<String> {
        let node = self.node(name)?;
        let text = node.string();
        if text.is_none() {
            let hint = match &node.value {
                Value::Scalar { text, .. } => format!("write it in quotes: {name}: \"{text}\""),
                _ => format!("write one word behind `{name}:`"),
            };
            report.at(node.at, format!("`{name}` is text, not {}", node.kind()), hint);
        }
        text.map(str::to_owned)
    }

    pub(crate) fn truth(&mut self, report: &mut Report, name: &'static str) -> bool {
        let Some(node) = self.node(name) else {
            return false;
        };
        node.truth().unwrap_or_else(|| {
            let what = format!("`{name}` is true or false, not {}", node.kind());
            report.at(node.at, what, format!("write `{name}: true`, or leave it out"));
            false
        })
    }

    /// A whole number within limits.
    pub(crate) fn number(
        &mut self,
        report: &mut Report,
        name: &'static str,
        limits: std::ops::RangeInclusive<u16>,
    ) -> Option<u16> {
        let node = self.node(name)?;
        let number = node.number().and_then(|number| u16::try_from(number).ok());
        let number = number.filter(|number| limits.contains(number));
        if number.is_none() {
            let what = format!("`{name}` is {}", node.kind());
            let hint = format!("write a whole number from {} to {}", limits.start(), limits.end());
            report.at(node.at, what, hint);
        }
        number
    }

    pub(crate) fn list(&mut self, report: &mut Report, name: &'static str) -> Option<&'n [Node]> {
        let node = self.node(name)?;
        match &node.value {
            Value::List(items) => Some(items),
            _ => {
                let what = format!("`{name}` is a list, not {}", node.kind());
                report.at(node.at, what, "begin each item with `- `");
                None
            }
        }
    }

    /// The texts of a list, with their places.
    pub(crate) fn texts(&mut self, report: &mut Report, name: &'static str) -> Option<Vec<(String, Place)>> {
        let items = self.list(report, name)?;
        let text = |node: &Node| match node.string() {
            Some(text) => Some((text.to_owned(), node.at)),
            None => {
                report.at(
                    node.at,
                    format!("`{name}` holds texts, not {}", node.kind()),
                    "write it in quotes",
                );
                None
            }
        };
        Some(items.iter().filter_map(text).collect())
    }

    /// An addition such as `host: {}`: written or not; it has no fields.
    pub(crate) fn flag(&mut self, report: &mut Report, name: &'static str) -> bool {
        let Some(node) = self.nullable(name) else {
            return false;
        };
        if !matches!(&node.value, Value::Map(entries) if entries.is_empty()) {
            let what = format!("`{name}` holds {}", node.kind());
            report.at(
                node.at,
                what,
                format!("write `{name}: {{}}`; it takes no more than that"),
            );
        }
        true
    }

    /// The fields of a nested mapping.
    pub(crate) fn fields(&mut self, report: &mut Report, name: &'static str) -> Option<Fields<'n>> {
        let node = self.node(name)?;
        let mut inner = Fields::open(report, node, name)?;
        if inner.entries.is_empty() {
            inner.at = self.key_place(name);
        }
        Some(inner)
    }

    /// Reports every field that nobody asked for.
    pub(crate) fn close(self, report: &mut Report) {
        for entry in self
            .entries
            .iter()
            .filter(|entry| !self.asked.contains(&entry.key.as_str()))
        {
            let hint = closest(&entry.key, &self.asked).map_or_else(
                || format!("{} has the fields {}", self.what, self.asked.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            report.at(
                entry.at,
                format!("`{}` is no field of {}", entry.key, self.what),
                hint,
            );
        }
    }
}

/// The word that was meant, if one is near enough.
pub(crate) fn closest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let scored = known
        .iter()
        .map(|one| (distance(&lower, &one.to_lowercase()), *one));
    let (distance, near) = scored.min_by_key(|(distance, _)| *distance)?;
    let allowed = (near.len().max(3) / 3).min(3);
    (distance <= allowed).then_some(near)
}

/// Letters to change, add, leave out or swap with the next.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().take(64).collect(), other.chars().collect());
    let mut rows = vec![(0..=other.len()).collect::<Vec<usize>>()];
    for (i, c) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, d) in other.iter().enumerate() {
            let mut best = (rows[i][j] + usize::from(c != d))
                .min(rows[i][j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && *c == other[j - 1] && one[i - 1] == *d {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows.last().and_then(|row| row.last()).copied().unwrap_or(0)
}
