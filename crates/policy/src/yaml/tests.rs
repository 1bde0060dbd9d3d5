use super::*;

fn refused(text: &str) -> (usize, usize, String) {
    let defect = load(text).unwrap_err();
    (defect.at.line, defect.at.column, defect.what)
}

#[test]
fn values_know_their_place() {
    let documents = load("a: 1\n---\n# nothing\n---\nb:\n  - \"c\"\n").unwrap();
    assert_eq!(documents.len(), 2);
    let Value::Map(entries) = &documents[1].value else {
        panic!("{documents:?}")
    };
    assert_eq!((entries[0].at.line, entries[0].at.column), (5, 1));
    let Value::List(items) = &entries[0].node.value else {
        panic!("{documents:?}")
    };
    assert_eq!(
        (items[0].at.line, items[0].at.column, items[0].at.width),
        (6, 5, 3)
    );
}

#[test]
fn json_is_yaml() {
    let documents = load("{\n\t\"a\": {\"b\": [1, true, null, \"x\\u0041\"]}}").unwrap();
    assert_eq!(documents.len(), 1);
}

#[test]
fn what_could_mean_two_things_is_refused() {
    assert_eq!(refused("a: 1\na: 2\n"), (2, 1, "`a` is written twice".to_owned()));
    assert_eq!(refused("a: !x 1\n").2, "a tag is not part of the format");
    assert_eq!(refused("[a]: 1\n").2, "a key is a word, not a list or a mapping");
    assert_eq!(refused("a:\n\tb: 1\n").0, 2);
}

#[test]
fn plain_words_with_a_type_are_no_text() {
    let text = |written: &str| {
        let documents = load(&format!("[{written}]")).unwrap();
        match &documents[0].value {
            Value::List(items) => items[0].string().map(str::to_owned),
            _ => None,
        }
    };
    for written in ["1", "1.5", "true", "no", "null", "~", "1e3"] {
        assert_eq!(text(written), None, "{written}");
    }
    assert_eq!(text("\"true\"").as_deref(), Some("true"));
    assert_eq!(text("info").as_deref(), Some("info"));
}

#[test]
fn deep_nesting_ends() {
    assert!(load(&"[".repeat(10_000)).is_err());
    assert!(load(&"{a: ".repeat(10_000)).is_err());
    assert!(load(&"- ".repeat(10_000)).is_err());
}

#[test]
fn aliases_are_what_they_stand_for_and_end() {
    assert_eq!(load("a: &x [1]\nb: *x\n").unwrap()[0].count(), 5);
    let mut text = "a: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n".to_owned();
    for level in 1..9 {
        let below = format!("*a{}, ", level - 1).repeat(10);
        text.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    assert!(refused(&text).2.starts_with("so much by aliases"));
}
