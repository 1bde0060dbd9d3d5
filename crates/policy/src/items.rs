//! Label values that are lists: how they are split, what their ports are, and how a defect is told.

/// What is wrong with the value of a label, and where. `Display` is one line; [`ValueError::hint`] says what would be
/// right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{label}={value:?}: column {column}: {what}")]
pub struct ValueError {
    /// The label's key.
    pub label: &'static str,
    /// The label's whole value.
    pub value: String,
    /// Where in the value, counted in characters from 1.
    pub column: usize,
    /// What is wrong there.
    pub what: String,
    /// What would be right.
    hint: String,
}

/// A defect at an offset in bytes, which [`Defect::of`] turns into a column.
pub(crate) struct Defect {
    pub(crate) at: usize,
    pub(crate) what: String,
    pub(crate) hint: String,
}

/// The items between the commas, without the blanks around them, each with its offset. An empty value has none.
pub(crate) fn items(value: &str) -> impl Iterator<Item = Result<(&str, usize), Defect>> {
    let raw = (!value.trim().is_empty()).then(|| value.split(','));
    let mut offset = 0;
    raw.into_iter().flatten().map(move |raw| {
        let text = raw.trim();
        let at = offset + (raw.len() - raw.trim_start().len());
        offset += raw.len() + 1;
        if text.is_empty() {
            return Err(defect(
                at,
                "nothing stands between the commas",
                "remove one comma",
            ));
        }
        match text.find(char::is_whitespace) {
            Some(space) => Err(defect(
                at + space,
                "an item cannot contain a blank",
                "separate items by commas",
            )),
            None => Ok((text, at)),
        }
    })
}

/// `80` or `80-90`. `syntax` says what would be right where neither stands.
pub(crate) fn range(text: &str, at: usize, syntax: &str) -> Result<(u16, u16), Defect> {
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (
            port(first, at, syntax)?,
            port(last, at + first.len() + 1, syntax)?,
        ),
        None => port(text, at, syntax).map(|port| (port, port))?,
    };
    if last < first {
        let what = format!("the range {text} is empty");
        let hint = format!("write {last}-{first}");
        return Err(Defect { at, what, hint });
    }
    Ok((first, last))
}

pub(crate) fn port(text: &str, at: usize, syntax: &str) -> Result<u16, Defect> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ if digits => Err(Defect {
            at,
            what: format!("port {text} does not exist"),
            hint: "ports go from 1 to 65535".to_owned(),
        }),
        _ => Err(Defect {
            at,
            what: format!("{text:?} is not a port"),
            hint: syntax.to_owned(),
        }),
    }
}

pub(crate) fn defect(at: usize, what: &str, hint: &str) -> Defect {
    Defect {
        at,
        what: what.to_owned(),
        hint: hint.to_owned(),
    }
}

// === impl Defect ===

impl Defect {
    /// With the label and the value that it was found in.
    pub(crate) fn of(self, label: &'static str, value: &str) -> ValueError {
        ValueError {
            label,
            value: value.to_owned(),
            column: value.get(..self.at).map_or(0, |before| before.chars().count()) + 1,
            what: self.what,
            hint: self.hint,
        }
    }
}

// === impl ValueError ===

impl ValueError {
    /// What would be right, without the word `hint`.
    #[must_use]
    pub fn hint(&self) -> String {
        self.hint.clone()
    }
}
