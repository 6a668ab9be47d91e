//! Times as they are written in headers, documents and signatures.

use jiff::{Timestamp, civil::DateTime, fmt::strtime, tz::Offset};

const HTTP: &str = "%a, %d %b %Y %H:%M:%S GMT";

/// `Sun, 06 Nov 1994 08:49:37 GMT`
pub(crate) fn http_date(time: Timestamp) -> String {
    strtime::format(HTTP, Offset::UTC.to_datetime(time)).unwrap_or_default()
}

/// Reads what [`http_date`] writes.
pub(crate) fn parse_http_date(text: &str) -> Option<Timestamp> {
    let parsed = strtime::parse(HTTP, text.trim()).ok()?;
    Offset::UTC.to_timestamp(parsed.to_datetime().ok()?).ok()
}

/// `2026-01-02T03:04:05.1234567Z`
pub(crate) fn iso(time: Timestamp) -> String {
    let second = Timestamp::from_second(time.as_second()).unwrap_or(time);
    let ticks = time.subsec_nanosecond().unsigned_abs() / 100;
    format!("{}.{ticks:07}Z", second.to_string().trim_end_matches('Z'))
}

/// Reads a time of ISO 8601 in any of the lengths that Azure takes; it is UTC.
pub(crate) fn parse_iso(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    let text = text.trim_end_matches('Z');
    let date = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00") };
    Offset::UTC.to_timestamp(date.parse::<DateTime>().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::{http_date, iso, parse_http_date, parse_iso};

    #[test]
    fn times_are_written_as_azure_does() {
        let time = parse_iso("2026-01-02T03:04:05.1234567Z").unwrap();
        assert_eq!(iso(time), "2026-01-02T03:04:05.1234567Z");
        assert_eq!(http_date(time), "Fri, 02 Jan 2026 03:04:05 GMT");
        assert_eq!(iso(parse_http_date(&http_date(time)).unwrap()), "2026-01-02T03:04:05.0000000Z");
    }

    #[test]
    fn a_signature_may_give_a_time_in_any_length() {
        let day = parse_iso("2026-01-02T00:00:00Z");
        assert!(day.is_some());
        for text in ["2026-01-02", "2026-01-02T00:00Z", "2026-01-02T00:00:00.0000000Z"] {
            assert_eq!(parse_iso(text), day, "{text}");
        }
        for text in ["", "tomorrow", "2026-13-01", "2026-01-02T25:00Z"] {
            assert_eq!(parse_iso(text), None, "{text}");
        }
    }
}
