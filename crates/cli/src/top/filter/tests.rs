use super::*;
use crate::top::fixture::started;

fn parse(text: &str) -> Result<Filter, Failure> {
    Filter::parse(text, &started(0).to_zoned(jiff::tz::TimeZone::UTC))
}

#[test]
fn its_words_are_the_options_of_flows() {
    let filter =
        parse("  from app=web,tier=front  denied to=lan --port 443 protocol udp since 10m ").unwrap();
    let query = FlowQuery {
        from: Some("app=web,tier=front".into()),
        to: Some("lan".into()),
        denied: true,
        port: Some(443),
        protocol: Some("udp".into()),
        since: Some("2026-03-01T09:50:00Z".parse().unwrap()),
        ..FlowQuery::default()
    };
    assert_eq!(filter.query, query);
    assert_eq!(parse("").unwrap(), Filter::default());
    assert_eq!(
        parse("from to to from").unwrap().query.from.as_deref(),
        Some("to")
    );
}

#[test]
fn a_mistake_says_what_would_be_right() {
    for (text, message) in [
        (
            "web",
            "`web` is no word of a filter; for a name or labels write `from web` or `to web`",
        ),
        (
            "follow",
            "`follow` is no word of a filter; for a name or labels write `from follow` or `to follow`",
        ),
        ("from", "what follows `from`?"),
        ("since soon", "`soon` is no time"),
        (
            "port 70000",
            "invalid value '70000' for '--port <PORT>': 70000 is not in 0..=65535",
        ),
    ] {
        let failure = parse(text).unwrap_err();
        assert_eq!(failure.message(), message);
        assert!(failure.parts().1.is_some(), "{text}");
    }
}
