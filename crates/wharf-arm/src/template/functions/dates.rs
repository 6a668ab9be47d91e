//! Functions on times.

use jiff::{Span, Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::json;

use super::{Args, Outcome};

/// As `utcNow()` writes when no format is given.
const DEFAULT: &str = "yyyyMMddTHHmmssZ";

pub(super) fn call(name: &str, args: &Args<'_>) -> Option<Outcome> {
    let outcome = match name {
        "datetimeadd" => add(args),
        "datetimetoepoch" => args.text(0).and_then(parse_time).map(|at| json!(at.as_second())),
        "datetimefromepoch" => args.integer(0).and_then(|second| {
            let at = Timestamp::from_second(second).map_err(|error| error.to_string())?;
            Ok(json!(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()))
        }),
        _ => return None,
    };
    Some(outcome)
}

/// Reads a time in one of the usual forms; without a zone it is UTC.
fn parse_time(text: &str) -> Result<Timestamp, String> {
    let utc = |time: DateTime| time.to_zoned_datetime(TimeZone::UTC).map(|zoned| zoned.timestamp());
    text.parse::<Timestamp>()
        .or_else(|_| text.trim_end_matches('Z').parse::<DateTime>().and_then(utc))
        .or_else(|_| DateTime::strptime("%Y%m%dT%H%M%SZ", text).and_then(utc))
        .map_err(|_| format!("'{text}' is not a valid date and time."))
}

fn add(args: &Args<'_>) -> Outcome {
    let base = parse_time(args.text(0)?)?;
    let text = args.text(1)?;
    let failed = |error: jiff::Error| format!("'{text}' cannot be added: {error}.");
    let span: Span = text.parse().map_err(failed)?;
    let moved =
        base.to_zoned_datetime(TimeZone::UTC).checked_add(span).map_err(failed)?.timestamp();
    let format = if args.len() > 2 { args.text(2)? } else { format_of(args.text(0)?) };
    formatted(moved, Some(format)).map(|text| json!(text))
}

/// The format of a time as it was written.
fn format_of(text: &str) -> &'static str {
    if text.contains('-') { "yyyy-MM-ddTHH:mm:ssZ" } else { DEFAULT }
}

/// A time in one of .NET's formats: a standard one by its letter, or a pattern.
pub(in super::super) fn formatted(at: Timestamp, format: Option<&str>) -> Result<String, String> {
    let pattern = match format.unwrap_or(DEFAULT) {
        "" => DEFAULT,
        "d" => "MM/dd/yyyy",
        "D" => "dddd, dd MMMM yyyy",
        "s" => "yyyy-MM-ddTHH:mm:ss",
        "u" => "yyyy-MM-dd HH:mm:ssZ",
        "o" | "O" => "yyyy-MM-ddTHH:mm:ss.fffffffZ",
        "t" => "HH:mm",
        "T" => "HH:mm:ss",
        other => other,
    };
    let mut out = String::new();
    let mut rest = pattern;
    while let Some(letter) = rest.chars().next() {
        let run = rest.len() - rest.trim_start_matches(letter).len();
        if letter == '\'' {
            let inside = rest[1..].split('\'').next().unwrap_or_default();
            out.push_str(inside);
            rest = rest.get(inside.len() + 2..).unwrap_or_default();
            continue;
        }
        match specifier(letter, run / letter.len_utf8()) {
            Some(specifier) => out.push_str(&at.strftime(specifier).to_string()),
            None if letter.is_ascii_alphabetic() && !matches!(letter, 'T' | 'Z') => {
                return Err(format!("The date format '{pattern}' is not supported at '{rest}'."));
            }
            None => out.push_str(&rest[..run]),
        }
        rest = &rest[run..];
    }
    Ok(out)
}

fn specifier(letter: char, run: usize) -> Option<&'static str> {
    Some(match (letter, run) {
        ('y', 4) => "%Y",
        ('y', 2) => "%y",
        ('M', 1) => "%-m",
        ('M', 2) => "%m",
        ('M', 3) => "%b",
        ('M', 4) => "%B",
        ('d', 1) => "%-d",
        ('d', 2) => "%d",
        ('d', 3) => "%a",
        ('d', 4) => "%A",
        ('H', 1) => "%-H",
        ('H', 2) => "%H",
        ('h', 2) => "%I",
        ('m', 1) => "%-M",
        ('m', 2) => "%M",
        ('s', 1) => "%-S",
        ('s', 2) => "%S",
        ('f', 3) => "%3f",
        ('f', 6) => "%6f",
        ('f', 7) => "%7f",
        ('t', 2) => "%p",
        _ => return None,
    })
}
