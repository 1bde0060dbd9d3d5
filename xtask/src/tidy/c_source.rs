//! Budgets and names of the BPF sources. No C parser: clang-format fixes the layout that this relies on.

use std::path::Path;

use super::{Finding, words};

const FILE_LINES: usize = 300;
const FUNCTION_LINES: usize = 50;

pub(super) fn check(file: &Path, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() > FILE_LINES {
        findings.push(Finding::new(
            file,
            0,
            format!("{} lines; a BPF file has at most {FILE_LINES}", lines.len()),
        ));
    }
    if let Some(word) = file
        .file_name()
        .and_then(|n| words::empty_word(&n.to_string_lossy()))
    {
        findings.push(Finding::new(
            file,
            0,
            format!("the file's name says `{word}`, not what it does"),
        ));
    }
    let mut start = None;
    for (number, line) in lines.iter().enumerate() {
        if line.ends_with('{') && line.contains('(') && line.starts_with(|c: char| c.is_ascii_alphabetic()) {
            start = Some(number);
        } else if *line == "}"
            && let Some(first) = start.take()
            && number - first + 1 > FUNCTION_LINES
        {
            let what = format!(
                "a function of {} lines; the budget is {FUNCTION_LINES}",
                number - first + 1
            );
            findings.push(Finding::new(file, first + 1, what));
        }
    }
    findings
}
