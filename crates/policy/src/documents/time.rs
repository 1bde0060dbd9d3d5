//! `until`: a time as RFC 3339 writes it, as seconds since 1970.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// How long `2026-03-01` is: jiff would also read a date out of a time without a zone.
const DATE: usize = 10;

/// `2026-03-01T10:00:00Z`, `2026-03-01T10:00:00+01:00` or `2026-03-01`, which is its first second in UTC.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let time = if text.len() == DATE {
        text.parse::<Date>()
            .ok()?
            .to_zoned(TimeZone::UTC)
            .ok()?
            .timestamp()
    } else {
        text.parse::<Timestamp>().ok()?
    };
    u64::try_from(time.as_second()).ok()
}
