//! Flow records out of a text of any length, without the whole of it in memory: the answer of `GET /v1/flows`, or one object
//! a line as `follow` sends them.

use crate::FlowView;

#[cfg(test)]
mod tests;

/// A record is no longer than this.
const LONGEST: usize = 1 << 20;

/// Takes bytes as they come and gives records.
#[derive(Debug, Default)]
pub struct FlowRecords {
    /// What is not read yet: from the beginning of a record on, if there is one.
    buffer: Vec<u8>,
    /// Where reading goes on.
    at: usize,
    /// Open braces.
    depth: usize,
    quoted: bool,
    escaped: bool,
    /// The depth of records, once that is known: 1 where they stand alone, 2 within an answer.
    records: Option<usize>,
    /// Where the open record begins.
    start: Option<usize>,
    /// The line that is read, from 0.
    line: usize,
}

/// A text that holds no records, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct NoRecord {
    /// The line, from 1.
    pub line: usize,
    /// Why it is none.
    pub what: String,
}

// === impl FlowRecords ===

impl FlowRecords {
    /// Reads more of the text; each record that ends in it goes to `take`.
    ///
    /// # Errors
    /// What is no record. Nothing that follows is read.
    pub fn read(&mut self, bytes: &[u8], mut take: impl FnMut(FlowView)) -> Result<(), NoRecord> {
        self.buffer.extend_from_slice(bytes);
        while let Some(byte) = self.buffer.get(self.at).copied() {
            match byte {
                b'\n' => self.line += 1,
                _ if self.escaped => self.escaped = false,
                b'\\' if self.quoted => self.escaped = true,
                b'"' if self.depth > 0 => self.quoted = !self.quoted,
                _ if self.quoted => {}
                b'{' => self.open(),
                b'}' if self.depth > 0 => {
                    if let Some(flow) = self.close()? {
                        take(flow);
                    }
                }
                byte if self.depth == 0 && !byte.is_ascii_whitespace() => {
                    return Err(self.wrong("expected an object".to_owned()));
                }
                _ => {}
            }
            self.at += 1;
        }
        self.forget();
        if self.buffer.len() > LONGEST {
            return Err(self.wrong("a record is too long".to_owned()));
        }
        Ok(())
    }

    /// Whether the text may end here.
    ///
    /// # Errors
    /// It ends within a record.
    pub fn end(&self) -> Result<(), NoRecord> {
        if self.depth == 0 {
            Ok(())
        } else {
            Err(self.wrong("the text ends within a record".to_owned()))
        }
    }

    fn open(&mut self) {
        self.depth += 1;
        if self.depth == 1 {
            self.start = Some(self.at);
        } else if self.depth == 2 && self.records.is_none() {
            self.records = Some(if self.is_answer() { 2 } else { 1 });
        }
        if self.depth == 2 && self.records == Some(2) {
            self.start = Some(self.at);
        }
    }

    fn close(&mut self) -> Result<Option<FlowView>, NoRecord> {
        self.depth -= 1;
        // An answer without records has no object within.
        let is_empty = self.depth == 0 && self.records.is_none() && self.is_answer();
        if is_empty || self.depth + 1 != self.records.unwrap_or(1) {
            return Ok(None);
        }
        let text = self
            .start
            .take()
            .and_then(|start| self.buffer.get(start..=self.at));
        let flow = serde_json::from_slice(text.unwrap_or_default());
        flow.map(Some).map_err(|error| self.wrong(error.to_string()))
    }

    /// Whether what was read of the first object is the beginning of an answer.
    fn is_answer(&self) -> bool {
        const FIELD: &[u8] = b"\"flows\"";
        let read = self.buffer.get(..self.at).unwrap_or_default();
        read.windows(FIELD.len()).any(|part| part == FIELD)
    }

    /// What lies before the open record is done with.
    fn forget(&mut self) {
        let done = self.start.unwrap_or(self.at);
        self.buffer.drain(..done);
        self.at -= done;
        self.start = self.start.map(|_| 0);
    }

    fn wrong(&self, what: String) -> NoRecord {
        NoRecord {
            line: self.line + 1,
            what,
        }
    }
}
