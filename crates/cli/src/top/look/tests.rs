use super::*;

fn of(pairs: &[(&str, &str)]) -> Look {
    Look::of(|name| {
        let found = pairs.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn the_environment_says_what_the_terminal_shows() {
    let look = |colors, unicode| Look { colors, unicode };
    assert_eq!(of(&[("TERM", "xterm"), ("LANG", "C.UTF-8")]), look(true, true));
    assert_eq!(
        of(&[("TERM", "xterm"), ("LANG", "de_DE.utf8"), ("LC_ALL", "C")]),
        look(true, false)
    );
    assert_eq!(
        of(&[("TERM", "vt100"), ("LC_ALL", ""), ("LC_CTYPE", "en_GB.UTF-8")]),
        look(false, true)
    );
    assert_eq!(of(&[("TERM", "xterm"), ("NO_COLOR", "1")]), look(false, false));
    assert_eq!(of(&[("TERM", "xterm"), ("NO_COLOR", "")]), look(true, false));
}

#[test]
fn a_text_is_cut_where_columns_end() {
    let look = of(&[("LANG", "C.UTF-8")]);
    assert_eq!(look.cut("web", 3), "web");
    assert_eq!(look.cut("webs", 3), "we…");
    assert_eq!(look.cut("字字", 3), "字…");
    assert_eq!(look.cut("字字", 2), "…");
    assert_eq!((look.cut("ab", 1), look.cut("a", 0)), ("…".into(), String::new()));
    assert_eq!(look.fit("7", 3, true), "  7");
    assert_eq!(of(&[]).fit("é\u{1b}", 4, false), "??  ");
}
