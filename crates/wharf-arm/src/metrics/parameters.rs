//! The parameters of a request for metrics, one by one.

use jiff::{Span, Timestamp, ToSpan as _, civil::DateTime, tz::TimeZone};
use wharf_model::{Error, ErrorKind};

use super::{METRICS, Metric};

/// Intervals that can be asked for, and their minutes.
pub(super) const INTERVALS: [(&str, u32); 8] = [
    ("PT1M", 1),
    ("PT5M", 5),
    ("PT15M", 15),
    ("PT30M", 30),
    ("PT1H", 60),
    ("PT6H", 360),
    ("PT12H", 720),
    ("P1D", 1440),
];

pub(super) const AGGREGATIONS: [&str; 5] = ["Average", "Minimum", "Maximum", "Total", "Count"];

/// `az monitor metrics list` encodes its parameters twice.
pub(super) fn encoded_once(value: &str) -> String {
    const TWICE: [(&str, &str); 4] = [("%3A", ":"), ("%2F", "/"), ("%2C", ","), ("%20", " ")];
    TWICE.iter().fold(value.to_owned(), |text, (code, plain)| text.replace(code, plain))
}

/// A time without a zone, as `az` sends it, is UTC.
fn timestamp(text: &str) -> Option<Timestamp> {
    let utc = |time: DateTime| TimeZone::UTC.to_timestamp(time).ok();
    text.parse().ok().or_else(|| text.parse().ok().and_then(utc))
}

pub(super) fn metric(name: &str) -> Result<Metric, Error> {
    let name = name.trim();
    METRICS.into_iter().find(|known| known.name().eq_ignore_ascii_case(name)).ok_or_else(|| {
        bad(
            format!(
                "Failed to find metric configuration for provider: Microsoft.ContainerInstance, \
                 resource Type: containerGroups, metric: {name}, Valid metrics: {}",
                METRICS.map(Metric::name).join(",")
            ),
            "metricnames",
        )
    })
}

pub(super) fn aggregation(name: &str) -> Result<&'static str, Error> {
    let known = AGGREGATIONS.into_iter().find(|known| known.eq_ignore_ascii_case(name.trim()));
    known.ok_or_else(|| {
        let message = format!("The aggregation '{name}' is none of '{}'.", AGGREGATIONS.join(","));
        bad(message, "aggregation")
    })
}

pub(super) fn interval(name: &str) -> Result<(&'static str, u32), Error> {
    let known = INTERVALS.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    known.ok_or_else(|| {
        let names = INTERVALS.map(|(name, _)| name).join(",");
        bad(
            format!("Detected invalid time grain input: '{name}'. It must be one of '{names}'."),
            "interval",
        )
    })
}

/// `start/end`, `start/duration` or `duration`; the last hour by default.
pub(super) fn timespan(
    text: Option<&str>,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), Error> {
    let invalid = || {
        bad(format!("Detected invalid timespan input: '{}'.", text.unwrap_or_default()), "timespan")
    };
    let before = |at: Timestamp, span: Span| at.checked_sub(hours(span)?).ok();
    let Some(text) = text else {
        return before(now, 1.hour()).map(|from| (from, now)).ok_or_else(invalid);
    };
    let range = match text.split_once('/') {
        None => text.parse().ok().and_then(|span| Some((before(now, span)?, now))),
        Some((from, to)) => timestamp(from).and_then(|from| {
            let to = match timestamp(to) {
                Some(to) => to,
                None => from.checked_add(hours(to.parse().ok()?)?).ok()?,
            };
            Some((from, to))
        }),
    };
    range.filter(|(from, to)| from < to).ok_or_else(invalid)
}

/// A span without days, which have no fixed length elsewhere; here they have 24 hours.
fn hours(span: Span) -> Option<Span> {
    let days = i64::from(span.get_days());
    let rest = span.try_days(0).ok()?;
    rest.try_hours(i64::from(rest.get_hours()) + days * 24).ok()
}

/// `containerName eq '*'`: all containers apart; `containerName eq 'x'`: that one.
pub(super) fn filter(text: Option<&str>) -> Result<(bool, Option<String>), Error> {
    let Some(text) = text else { return Ok((false, None)) };
    let mut words = text.split_whitespace();
    let (name, operator, value) = (words.next(), words.next(), words.next());
    let value = value.and_then(|value| value.strip_prefix('\'')?.strip_suffix('\''));
    match (name, operator, value, words.next()) {
        (Some(name), Some(operator), Some(value), None)
            if name.eq_ignore_ascii_case("containerName")
                && operator.eq_ignore_ascii_case("eq") =>
        {
            Ok((true, (value != "*").then(|| value.to_owned())))
        }
        _ => Err(bad(
            format!(
                "The filter \"{text}\" is not understood: it is \"containerName eq '*'\" or a name."
            ),
            "$filter",
        )),
    }
}

fn bad(message: String, parameter: &str) -> Error {
    Error::new(ErrorKind::InvalidParameter, "BadRequest", message).at(parameter)
}
