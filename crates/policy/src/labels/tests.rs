use super::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn key_value_parses() {
    for (text, key, value) in [
        ("app=web", "app", "web"),
        ("app=a=b", "app", "a=b"),
        (
            "app.kubernetes.io/name=my web",
            "app.kubernetes.io/name",
            "my web",
        ),
    ] {
        assert_eq!(parse(text), Ok((key.to_owned(), value.to_owned())));
    }
}

#[test]
fn what_is_not_key_value_is_refused_with_a_hint() {
    for (text, line, hint) in [
        ("app", r#"label "app" is not KEY=VALUE"#, "write app=VALUE"),
        ("=web", r#"label "=web" has no key"#, "KEY=VALUE"),
        ("app=", r#"label "app=" has an empty value"#, "write app=VALUE"),
        (
            "a b=c",
            r#"label "a b=c": column 2: a key cannot contain ' '"#,
            "letters",
        ),
        (
            "app=a\tb",
            r#"label "app=a\tb": column 6: a value cannot contain '\t'"#,
            "control",
        ),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(error.to_string(), line);
        assert!(error.hint().contains(hint), "{}", error.hint());
    }
    let long = parse(&format!("{}=x", "k".repeat(300))).unwrap_err();
    assert!(long.to_string().len() < 80, "{long}");
}

#[test]
fn identity_comes_from_the_listed_keys_only() {
    let given = labels(&[
        ("app", "web"),
        ("env", "prod"),
        ("app.kubernetes.io/part-of", "shop"),
        ("traefik.enable", "true"),
        ("homepage.name", "x"),
        ("team", "a"),
        ("role", ""),
        ("cofferdam.label.zone", "b"),
        ("cofferdam.ingress", "host:80"),
    ]);
    let expected = labels(&[
        ("app", "web"),
        ("env", "prod"),
        ("app.kubernetes.io/part-of", "shop"),
        ("zone", "b"),
    ]);
    assert_eq!(identity_labels(&given, &[]), expected);
    let mut extended = expected;
    extended.insert("team".into(), "a".into());
    assert_eq!(identity_labels(&given, &["team".into()]), extended);
}

#[test]
fn an_explicit_identity_label_wins() {
    let given = labels(&[("app", "web"), ("cofferdam.label.app", "shop")]);
    assert_eq!(identity_labels(&given, &[]), labels(&[("app", "shop")]));
}

#[test]
fn selectors_see_every_label_but_directives() {
    let given = labels(&[
        ("app", "web"),
        ("traefik.enable", "true"),
        ("cofferdam.label.a", "b"),
        (PROTECT, "true"),
    ]);
    let expected = labels(&[("app", "web"), ("traefik.enable", "true"), ("a", "b")]);
    assert_eq!(selectable(&given, &[]), expected);
}

#[test]
fn directives_are_read() {
    let found = directives(&labels(&[
        ("app", "web"),
        (PROTECT, "true"),
        (MODE, "observe"),
        (openings::EGRESS, "lan:53"),
        (openings::INGRESS, "host:80"),
        ("cofferdam.label.x", "y"),
    ]));
    assert_eq!((found.protect, found.mode), (Some(true), Some(Mode::Observe)));
    let order: Vec<_> = found.openings.iter().map(|opening| opening.direction).collect();
    assert_eq!(order, [Direction::Ingress, Direction::Egress]);
    assert_eq!(found.problems, []);
}

#[test]
fn a_defective_directive_opens_nothing_and_leaves_the_rest() {
    let found = directives(&labels(&[
        (PROTECT, "yes"),
        (MODE, "watch"),
        (openings::EGRESS, "lan:53, lan:x"),
        (openings::INGRESS, "host:80"),
        ("cofferdam.ingres", "host:80"),
    ]));
    assert_eq!((found.protect, found.mode, found.openings.len()), (None, None, 1));
    let mut lines: Vec<_> = found.problems.iter().map(ToString::to_string).collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            r#"cofferdam.egress="lan:53, lan:x": column 13: "x" is not a port"#,
            "label cofferdam.ingres is unknown",
            r#"label cofferdam.mode="watch" is not understood"#,
            r#"label cofferdam.protect="yes" is not understood"#,
        ]
    );
    assert!(found.problems.iter().all(|problem| !problem.hint().is_empty()));
}

#[test]
fn containment_is_declared_and_what_does_not_parse_is_told() {
    let found = directives(&labels(&[
        (containment::CONTAIN, "strict"),
        (containment::BIND, "80=8080"),
        (containment::ALLOW, "packets"),
    ]));
    assert_eq!(found.containment.level, Some(containment::Level::Strict));
    assert_eq!(found.containment.bind.as_ref().map(Vec::len), Some(1));
    assert_eq!(found.containment.allow, containment::Allowed::default());
    let keys: Vec<_> = found.problems.iter().map(LabelError::key).collect();
    assert_eq!(keys, [Some(containment::ALLOW)]);
}
