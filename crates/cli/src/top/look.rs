//! What this terminal can show: colours or none, every character or ASCII only.

use ratatui::style::{Color, Modifier, Style};
use unicode_width::UnicodeWidthChar;

#[cfg(test)]
mod tests;

/// How things look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// Colours; without them weight alone tells things apart, and words do.
    pub(super) colors: bool,
    /// Characters beyond ASCII.
    pub(super) unicode: bool,
}

// === impl Look ===

impl Look {
    /// Of the environment: `NO_COLOR`, `TERM` and the locale.
    pub(super) fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let term = set("TERM").unwrap_or_default();
        let plain = ["vt52", "vt100", "vt102", "vt220"].contains(&term.as_str())
            || term.ends_with("-m")
            || term.ends_with("-mono");
        // The first that is set decides, as locale(7) says.
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
        let locale = locale.unwrap_or_default().to_ascii_lowercase();
        Self {
            colors: set("NO_COLOR").is_none() && !plain,
            unicode: locale.contains("utf-8") || locale.contains("utf8"),
        }
    }

    pub(super) fn good(self) -> Style {
        self.color(Color::Green, Modifier::empty())
    }

    pub(super) fn odd(self) -> Style {
        self.color(Color::Yellow, Modifier::empty())
    }

    pub(super) fn bad(self) -> Style {
        self.color(Color::Red, Modifier::BOLD)
    }

    pub(super) fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub(super) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Titles, and the row of the cursor.
    pub(super) fn reversed(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    fn color(self, color: Color, without: Modifier) -> Style {
        if self.colors {
            Style::new().fg(color)
        } else {
            Style::new().add_modifier(without)
        }
    }

    pub(super) fn arrow(self) -> &'static str {
        if self.unicode { "→" } else { "->" }
    }

    pub(super) fn back_arrow(self) -> &'static str {
        if self.unicode { "←" } else { "<-" }
    }

    pub(super) fn times(self) -> &'static str {
        if self.unicode { "×" } else { "x" }
    }

    /// `text` in at most `width` columns; what was cut ends in `…`. Control characters do not reach the terminal:
    /// names of processes and labels are written by anybody.
    pub(super) fn cut(self, text: &str, width: usize) -> String {
        let mut cut = String::with_capacity(text.len());
        let (mut used, mut kept) = (0, 0);
        for c in text.chars() {
            let (c, wide) = self.shown(c);
            if used + wide > width {
                cut.truncate(kept);
                if width > 0 {
                    cut.push(if self.unicode { '…' } else { '~' });
                }
                return cut;
            }
            cut.push(c);
            used += wide;
            // Where the mark of a cut still has room.
            if used < width {
                kept = cut.len();
            }
        }
        cut
    }

    /// The same, filled with spaces.
    pub(super) fn fit(self, text: &str, width: usize, right: bool) -> String {
        let mut text = self.cut(text, width);
        let fill = " ".repeat(width.saturating_sub(self.width(&text)));
        if right {
            text.insert_str(0, &fill);
        } else {
            text.push_str(&fill);
        }
        text
    }

    /// Columns that it takes.
    pub(super) fn width(self, text: &str) -> usize {
        text.chars().map(|c| self.shown(c).1).sum()
    }

    fn shown(self, c: char) -> (char, usize) {
        match c.width() {
            // What takes no column may turn the direction of the others.
            Some(width) if width > 0 && (self.unicode || c.is_ascii()) => (c, width),
            _ => ('?', 1),
        }
    }
}
