//! `.env` files: `KEY=VALUE`, `export`, quotes, comments behind a value, variables in values.

use super::interpolate::interpolate;

/// The pairs in their order. What is no pair is skipped.
pub(super) fn parse(text: &str, look: &dyn Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        if line.starts_with('#') {
            continue;
        }
        let Some((key, rest)) = line.split_once(['=', ':']) else {
            continue;
        };
        let key = key.trim();
        if key.is_empty() || key.contains(char::is_whitespace) {
            continue;
        }
        let rest = rest.trim_start();
        let value = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => quoted(&rest[1..], quote, &mut lines),
            _ => before_comment(rest).trim_end().to_owned(),
        };
        let value = if rest.starts_with('\'') {
            value
        } else {
            let earlier = |name: &str| {
                look(name).or_else(|| {
                    pairs
                        .iter()
                        .rev()
                        .find(|(k, _)| k == name)
                        .map(|(_, v)| v.clone())
                })
            };
            interpolate(&value, &earlier).text
        };
        pairs.push((key.to_owned(), value));
    }
    pairs
}

/// Up to the closing quote, over several lines if need be.
fn quoted(first: &str, quote: char, lines: &mut std::str::Lines<'_>) -> String {
    let mut value = String::new();
    let mut line = first;
    loop {
        let mut characters = line.chars();
        while let Some(character) = characters.next() {
            if character == quote {
                return value;
            }
            if character == '\\' && quote == '"' {
                match characters.next() {
                    Some('n') => value.push('\n'),
                    Some(other) => value.push(other),
                    None => {}
                }
            } else {
                value.push(character);
            }
        }
        let Some(next) = lines.next() else { return value };
        value.push('\n');
        line = next;
    }
}

fn before_comment(text: &str) -> &str {
    text.find(" #").map_or(text, |at| &text[..at])
}
