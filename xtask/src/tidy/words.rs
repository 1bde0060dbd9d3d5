//! Words that say nothing about what a thing does, in the names of files and items.

/// A thing with such a name has no job of its own, or its name hides which.
const EMPTY_WORDS: &[&str] = &[
    "manager", "util", "utils", "helper", "helpers", "common", "entity", "entities",
];

/// The empty word in `name`, whatever its case style.
pub(super) fn empty_word(name: &str) -> Option<&'static str> {
    let mut words = vec![String::new()];
    for c in name.chars() {
        let boundary = !c.is_ascii_alphanumeric() || c.is_ascii_uppercase();
        if boundary {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_ascii_alphanumeric()) {
            word.push(c.to_ascii_lowercase());
        }
    }
    EMPTY_WORDS
        .iter()
        .find(|w| words.iter().any(|x| x == *w))
        .copied()
}

#[cfg(test)]
mod tests {
    use super::empty_word;

    #[test]
    fn finds_the_word_in_every_case_style() {
        assert_eq!(empty_word("PolicyManager"), Some("manager"));
        assert_eq!(empty_word("net_utils.rs"), Some("utils"));
        assert_eq!(
            empty_word("COMMON_PORTS"),
            None,
            "upper case is split letter by letter, and that is fine"
        );
        assert_eq!(empty_word("utility_bill"), None);
        assert_eq!(empty_word("managerial"), None);
    }
}
