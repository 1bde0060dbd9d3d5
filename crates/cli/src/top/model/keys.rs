//! What keys do.

use std::sync::Arc;

use jiff::Zoned;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::super::filter::Filter;
use super::{Focus, Layer, Model, id};

/// A filter is no novel.
const LONGEST: usize = 400;

// === impl Model ===

impl Model {
    /// `true`: the user wants to leave.
    pub(in crate::top) fn key(&mut self, key: KeyEvent, now: &Zoned) -> bool {
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return true;
        }
        if matches!(self.layer, Layer::Prompt { .. }) {
            self.prompt(key, now);
            return false;
        }
        if self.layer != Layer::None {
            self.read(key);
            return false;
        }
        match key.code {
            KeyCode::Char('q') => return true,
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.layer = Layer::Help,
            KeyCode::Char('/') => {
                self.layer = Layer::Prompt {
                    text: self.filter.text.clone(),
                    error: None,
                }
            }
            KeyCode::Char('d') => {
                self.denials_only = !self.denials_only;
                self.flow = None;
            }
            KeyCode::Char('s') => {
                self.sort = self.sort.next();
                self.sort.sort(&mut self.shown.rows);
            }
            KeyCode::Char('p' | ' ') => {
                self.paused = match self.paused {
                    Some(_) => None,
                    None => Some(now.timestamp()),
                }
            }
            KeyCode::Tab | KeyCode::BackTab => {
                self.focus = match self.focus {
                    Focus::Workloads => Focus::Flows,
                    Focus::Flows => Focus::Workloads,
                }
            }
            KeyCode::Esc => self.back(),
            KeyCode::Enter => self.open(),
            other => self.go(other),
        }
        false
    }

    /// One step towards the first screen: the cursor, then the filter.
    fn back(&mut self) {
        if self.flow.take().is_some() {
            return;
        }
        if self.focus == Focus::Flows {
            self.focus = Focus::Workloads;
        } else if !self.workload.is_empty() {
            self.select(String::new());
        } else {
            self.set_filter(Filter::default());
        }
    }

    fn open(&mut self) {
        self.scroll = 0;
        match self.focus {
            Focus::Workloads if self.workload.is_empty() => self.focus = Focus::Flows,
            Focus::Workloads => self.layer = Layer::Workload(self.workload.clone()),
            Focus::Flows => {
                let flows = self.flows();
                if let Some(flow) = flows.get(self.flow_at(&flows)) {
                    self.layer = Layer::Flow(Arc::clone(flow));
                }
            }
        }
    }

    fn go(&mut self, key: KeyCode) {
        match self.focus {
            Focus::Workloads => {
                let last = self.shown.rows.len();
                if let Some(at) = moved(key, self.workload_at(), last, self.page) {
                    let row = at.checked_sub(1).and_then(|at| self.shown.rows.get(at));
                    let id = row.map(|row| row.id.clone()).unwrap_or_default();
                    self.select(id);
                }
            }
            Focus::Flows => {
                let flows = self.flows();
                let last = flows.len().saturating_sub(1);
                if let Some(at) = moved(key, self.flow_at(&flows), last, self.page) {
                    // On the first row the newest stays under the cursor.
                    let flow = flows.get(at).filter(|_| at > 0).map(|flow| id(flow));
                    self.flow = flow;
                }
            }
        }
    }

    /// In a text that lies over the tables.
    fn read(&mut self, key: KeyEvent) {
        let page = u16::try_from(self.page).unwrap_or(1);
        match key.code {
            KeyCode::Down | KeyCode::Char('j') => self.scroll = self.scroll.saturating_add(1),
            KeyCode::Up | KeyCode::Char('k') => self.scroll = self.scroll.saturating_sub(1),
            KeyCode::PageDown => self.scroll = self.scroll.saturating_add(page),
            KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(page),
            KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q' | '?') => {
                self.layer = Layer::None;
                self.scroll = 0;
            }
            _ => {}
        }
    }

    fn prompt(&mut self, key: KeyEvent, now: &Zoned) {
        let Layer::Prompt { text, error } = &mut self.layer else {
            return;
        };
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('u') if control => text.clear(),
            KeyCode::Char(c) if !control && text.len() < LONGEST => text.push(c),
            KeyCode::Backspace => {
                text.pop();
            }
            KeyCode::Esc => {
                self.layer = Layer::None;
                return;
            }
            KeyCode::Enter => {
                match Filter::parse(text, now) {
                    Ok(filter) => {
                        self.layer = Layer::None;
                        self.set_filter(filter);
                    }
                    Err(failure) => *error = Some(failure.message().to_owned()),
                }
                return;
            }
            _ => return,
        }
        *error = None;
    }
}

/// Where a key leads from `at`, of rows 0 to `last`.
fn moved(key: KeyCode, at: usize, last: usize, page: usize) -> Option<usize> {
    let to = match key {
        KeyCode::Down | KeyCode::Char('j') => at + 1,
        KeyCode::Up | KeyCode::Char('k') => at.saturating_sub(1),
        KeyCode::PageDown => at + page,
        KeyCode::PageUp => at.saturating_sub(page),
        KeyCode::Home | KeyCode::Char('g') => 0,
        KeyCode::End | KeyCode::Char('G') => last,
        _ => return None,
    };
    Some(to.min(last))
}
