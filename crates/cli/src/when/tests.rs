use super::*;

fn noon() -> Zoned {
    "2026-03-01T12:00:00Z"
        .parse::<Timestamp>()
        .unwrap()
        .to_zoned(TimeZone::UTC)
}

#[test]
fn durations_are_written_short() {
    for (text, expected) in [
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5400),
        ("2d", 172_800),
        ("5 minutes", 300),
    ] {
        assert_eq!(seconds(text), Ok(expected), "{text}");
    }
    for text in ["", "5", "0s", "-5m", "soon", "10ms"] {
        let error = seconds(text).unwrap_err();
        assert!(error.contains("is no duration; write for example"), "{error}");
    }
}

#[test]
fn since_takes_a_duration_a_time_or_a_date() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    for (text, expected) in [
        ("10m", "2026-03-01T11:50:00Z"),
        ("10:00", "2026-03-01T10:00:00Z"),
        ("2026-02-28T10:00", "2026-02-28T10:00:00Z"),
        ("2026-02-28 10:00:01", "2026-02-28T10:00:01Z"),
        ("2026-02-28T10:00:00+02:00", "2026-02-28T08:00:00Z"),
    ] {
        assert_eq!(since(text, &noon()), Ok(at(expected)), "{text}");
    }
    assert_eq!(
        since("yesterday", &noon()).unwrap_err().parts().0,
        "`yesterday` is no time"
    );
}

#[test]
fn a_clock_names_the_day_only_where_it_is_another() {
    let at = |text: &str| clock(text.parse().unwrap(), &noon());
    assert_eq!(at("2026-03-01T10:02:31.9Z"), "10:02:31");
    assert_eq!(at("2026-02-28T10:02:31Z"), "2026-02-28 10:02:31");
}

#[test]
fn a_rough_duration_has_two_units() {
    for (seconds, expected) in [
        (0, "0s"),
        (7, "7s"),
        (366, "6m 6s"),
        (3600, "1h"),
        (3661, "1h 1m"),
        (90_061, "1d 1h"),
    ] {
        assert_eq!(rough(seconds), expected);
    }
}
