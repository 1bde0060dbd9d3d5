//! The filter of the flows: the options of `cofferdam flows`, with or without their dashes.

use clap::Parser;
use cofferdam_api::{FlowQuery, FlowView};
use jiff::Zoned;

use crate::args::FlowsArgs;
use crate::failure::Failure;

#[cfg(test)]
mod tests;

/// Words that a value follows, and words that stand alone.
const VALUED: [&str; 5] = ["from", "to", "port", "protocol", "since"];
const ALONE: [&str; 2] = ["denied", "allowed"];

/// What every word of a filter may be.
pub(super) const WORDS: &str = "from WHO, to WHO, denied, allowed, port NUMBER, protocol NAME, since TIME";

/// A filter, as it was written and as it is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) text: String,
    pub(super) query: FlowQuery,
}

#[derive(Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct Line {
    #[command(flatten)]
    args: FlowsArgs,
}

// === impl Filter ===

impl Filter {
    pub(super) fn parse(text: &str, now: &Zoned) -> Result<Self, Failure> {
        let mut options = Vec::new();
        let mut words = text.split_whitespace();
        while let Some(word) = words.next() {
            let name = word.trim_start_matches('-');
            let (name, value) = name.split_once('=').map_or((name, None), |(n, v)| (n, Some(v)));
            if ALONE.contains(&name) && value.is_none() {
                options.push(format!("--{name}"));
            } else if VALUED.contains(&name) {
                let Some(value) = value.or_else(|| words.next()) else {
                    return Err(Failure::new(format!("what follows `{name}`?")).hint(WORDS));
                };
                options.push(format!("--{name}={value}"));
            } else {
                return Err(no_word(word));
            }
        }
        let line = Line::try_parse_from(options).map_err(|error| {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            Failure::new(first.strip_prefix("error: ").unwrap_or(first)).hint(WORDS)
        })?;
        let query = crate::flows::query(&line.args, now)?;
        Ok(Self {
            text: text.split_whitespace().collect::<Vec<_>>().join(" "),
            query: FlowQuery { limit: None, ..query },
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub(super) fn matches(&self, flow: &FlowView) -> bool {
        self.is_empty() || self.query.matches(flow)
    }
}

/// Which end a name is of nobody can guess.
fn no_word(word: &str) -> Failure {
    Failure::new(format!(
        "`{word}` is no word of a filter; for a name or labels write `from {word}` or `to {word}`"
    ))
    .hint(WORDS)
}
