//! The tree and its places.

use std::sync::Arc;

use super::{Loaded, Tag, load};

fn read(text: &str) -> Loaded {
    load(&Arc::from("f.yaml"), text)
}

#[test]
fn every_value_knows_its_place() {
    let loaded = read("a:\n  b: [x, \"y\"]\n");
    let list = loaded.documents[0].path(&["a", "b"]).expect("list");
    let places: Vec<_> = list.items().iter().map(|n| (n.at.line, n.at.column)).collect();
    assert_eq!(places, [(2, 7), (2, 10)]);
    let key = &loaded.documents[0].get("a").expect("a").entries()[0].key;
    assert_eq!((key.at.line, key.at.column), (2, 3));
}

#[test]
fn anchors_and_merge_keys() {
    let text = "x: &x {a: 1, b: 2}\ny: &y {c: 3}\nz:\n  <<: [*x, *y]\n  b: 9\n";
    let loaded = read(text);
    let z = loaded.documents[0].get("z").expect("z");
    let got: Vec<_> = ["a", "b", "c"].iter().map(|k| z.text_of(k)).collect();
    assert_eq!(got, [Some("1"), Some("9"), Some("3")]);
    assert_eq!(z.get("a").expect("a").at.line, 1, "where it was written");
}

#[test]
fn a_broken_file_gives_what_stood_before() {
    let loaded = read("services:\n  web:\n    image: nginx\n    ports: [\n  x: y: z\n");
    assert_eq!(loaded.notes.len(), 1);
    let web = loaded.documents[0].path(&["services", "web"]).expect("web");
    assert_eq!(web.text_of("image"), Some("nginx"));
}

#[test]
fn a_bomb_of_aliases_ends() {
    let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for n in 1..12 {
        let before = format!("*a{}", n - 1);
        text.push_str(&format!("a{n}: &a{n} [{}]\n", [before.as_str(); 10].join(",")));
    }
    let loaded = read(&text);
    assert!(loaded.notes[0].text.contains("aliases"), "{:?}", loaded.notes);
}

#[test]
fn tags_comments_and_keys_written_twice() {
    let loaded = read("a: !reset null # why\nb: !override [1]\nb: 2\n");
    assert_eq!(loaded.documents[0].get("a").expect("a").tag, Some(Tag::Reset));
    assert_eq!(loaded.comments[0].text, " why");
    assert_eq!(loaded.documents[0].text_of("b"), Some("2"));
    assert_eq!(loaded.notes.len(), 1);
}
