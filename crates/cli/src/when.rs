//! Times and durations as users write and read them.

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SpanRelativeTo, Timestamp, Zoned};

use crate::failure::Failure;

#[cfg(test)]
mod tests;

/// `5m`, `1h30m`, `2d` → seconds. At least one.
pub(crate) fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no duration; write for example `90s`, `5m` or `1h30m`");
    let span: jiff::Span = text.parse().map_err(|_| wrong())?;
    let duration = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| wrong())?;
    u64::try_from(duration.as_secs())
        .ok()
        .filter(|seconds| *seconds > 0)
        .ok_or_else(wrong)
}

/// `10m` ago, `10:00` today, `2026-03-01T10:00` local time or RFC 3339 → an instant.
pub(crate) fn since(text: &str, now: &Zoned) -> Result<Timestamp, Failure> {
    let wrong = |_| {
        Failure::new(format!("`{text}` is no time"))
            .hint("write for example `10m` (ago), `10:00` (today) or `2026-03-01T10:00:00Z`")
    };
    if let Ok(seconds) = seconds(text) {
        let ago = jiff::SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
        return now.timestamp().checked_sub(ago).map_err(wrong);
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(timestamp);
    }
    let local = text
        .parse::<DateTime>()
        .or_else(|_| text.parse::<Time>().map(|time| now.date().to_datetime(time)));
    local
        .and_then(|local| local.to_zoned(now.time_zone().clone()))
        .map(|zoned| zoned.timestamp())
        .map_err(wrong)
}

/// Local time: `10:02:31` today, else `2026-03-01 10:02:31`.
pub(crate) fn clock(time: Timestamp, now: &Zoned) -> String {
    let local = time.to_zoned(now.time_zone().clone());
    let format = if local.date() == now.date() {
        "%H:%M:%S"
    } else {
        "%Y-%m-%d %H:%M:%S"
    };
    local.strftime(format).to_string()
}

/// The local time zone's now.
pub(crate) fn now() -> Zoned {
    Timestamp::now().to_zoned(TimeZone::system())
}

/// `3d 4h`, `4h 5m`, `5m 6s`, `7s`: the two largest units.
pub(crate) fn rough(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (size, unit) in units {
        let count = rest / size;
        rest %= size;
        if count > 0 {
            parts.push(format!("{count}{unit}"));
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    if parts.is_empty() {
        "0s".to_owned()
    } else {
        parts.join(" ")
    }
}
