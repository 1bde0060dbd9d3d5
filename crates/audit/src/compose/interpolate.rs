//! Variables in values: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:?message}`, `${NAME:+other}`, the same without
//! colon, and nested in each other. `$$` is a dollar.

/// What became of a text.
pub(super) struct Done {
    /// The text.
    pub(super) text: String,
    /// What docker compose would have refused.
    pub(super) problem: Option<String>,
}

/// Defaults within defaults.
const DEEPEST: usize = 24;

/// Puts variables in. What is not set is empty, as docker compose has it.
pub(super) fn interpolate(text: &str, look: &dyn Fn(&str) -> Option<String>) -> Done {
    let mut problem = None;
    let text = expand(text, look, &mut problem, 0);
    Done { text, problem }
}

fn expand(
    text: &str,
    look: &dyn Fn(&str) -> Option<String>,
    problem: &mut Option<String>,
    depth: usize,
) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        out.push_str(&rest[..dollar]);
        let after = &rest[dollar + 1..];
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(inside) = after.strip_prefix('{') {
            let end = closing_brace(inside).filter(|_| depth < DEEPEST);
            let Some(end) = end else {
                problem.get_or_insert_with(|| format!("`{}` is no variable, left as it is", cut(rest)));
                out.push('$');
                rest = after;
                continue;
            };
            out.push_str(&braced(&inside[..end], look, problem, depth));
            rest = &inside[end + 1..];
        } else {
            let name = name_of(after);
            if name.is_empty() {
                problem.get_or_insert_with(|| {
                    "a single `$` is no variable (write `$$`), left as it is".to_owned()
                });
                out.push('$');
            } else {
                out.push_str(&look(name).unwrap_or_default());
            }
            rest = &after[name.len()..];
        }
    }
    out.push_str(rest);
    out
}

/// What stands between braces.
fn braced(
    inside: &str,
    look: &dyn Fn(&str) -> Option<String>,
    problem: &mut Option<String>,
    depth: usize,
) -> String {
    let name = name_of(inside);
    let operator = &inside[name.len()..];
    if name.is_empty() {
        problem.get_or_insert_with(|| format!("`${{{}}}` names no variable, left as it is", cut(inside)));
        return format!("${{{inside}}}");
    }
    let value = look(name);
    let (colon, operator) = match operator.strip_prefix(':') {
        Some(rest) => (true, rest),
        None => (false, operator),
    };
    let set = value.as_ref().is_some_and(|value| !colon || !value.is_empty());
    let mut characters = operator.chars();
    let kind = characters.next();
    let word = characters.as_str();
    match kind {
        Some('-') if !set => expand(word, look, problem, depth + 1),
        Some('+') if set => expand(word, look, problem, depth + 1),
        Some('+') => String::new(),
        Some('?') if !set => {
            problem.get_or_insert_with(|| format!("`{name}` must be set, read as empty"));
            String::new()
        }
        None | Some('-' | '?') => value.unwrap_or_default(),
        Some(_) => {
            problem.get_or_insert_with(|| format!("`${{{}}}` is not understood, left as it is", cut(inside)));
            format!("${{{inside}}}")
        }
    }
}

/// The brace that closes, others within skipped.
fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'$' if bytes.get(at + 1) == Some(&b'{') => {
                depth += 1;
                at += 1;
            }
            b'}' if depth == 0 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    None
}

/// The name at the beginning: a letter or `_`, then digits too.
fn name_of(text: &str) -> &str {
    let end = text
        .bytes()
        .enumerate()
        .find(|(at, byte)| {
            !(byte.is_ascii_alphabetic() || *byte == b'_' || (*at > 0 && byte.is_ascii_digit()))
        })
        .map_or(text.len(), |(at, _)| at);
    &text[..end]
}

/// Few characters, for a message.
fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}
