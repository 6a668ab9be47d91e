//! JSON as template authors write it: comments, names without quotes, commas too many, and texts
//! over several lines. `az` itself sends its templates with a name without quotes.

use serde_json::Value;
use wharf_model::{Error, ErrorKind};

/// Reads a body; strict JSON first, which nearly all bodies are.
pub fn parse(bytes: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(bytes)
        .or_else(|_| {
            let text = String::from_utf8_lossy(bytes);
            serde_json::from_str(&strict(&text))
        })
        .map_err(|error| {
            Error::new(
                ErrorKind::InvalidParameter,
                "InvalidRequestContent",
                format!(
                    "The request content was invalid and could not be deserialized: '{error}'."
                ),
            )
        })
}

/// The same in strict JSON. What is beyond repair is left for the parser to complain about.
fn strict(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.trim_start_matches('\u{feff}');
    while let Some(letter) = rest.chars().next() {
        if let Some(comment) = rest.strip_prefix("//") {
            rest = comment.find('\n').map_or("", |end| &comment[end..]);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.find("*/").map_or("", |end| &comment[end + 2..]);
        } else if letter == '"' {
            rest = quoted(rest, &mut out);
        } else if letter.is_ascii_alphabetic() || letter == '_' || letter == '$' {
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
            let end = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            if after.trim_start().starts_with(':') {
                out.extend(["\"", word, "\""]);
            } else {
                out.push_str(word);
            }
            rest = after;
        } else {
            if matches!(letter, '}' | ']') {
                let kept = out.trim_end().trim_end_matches(',').len();
                out.truncate(kept);
            }
            out.push(letter);
            rest = &rest[letter.len_utf8()..];
        }
    }
    out
}

/// Copies a quoted text with its line ends escaped; returns what follows it.
fn quoted<'a>(text: &'a str, out: &mut String) -> &'a str {
    out.push('"');
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => {
                out.push('"');
                return &text[at + 1..];
            }
            '\\' => {
                out.push('\\');
                out.extend(letters.next().map(|(_, escaped)| escaped));
            }
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other => out.push(other),
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_az_and_authors_write_is_read() {
        let body = br#"{"properties": {"mode": "Incremental", template:{
            // a comment, with "quotes"
            "url": "https://x//y", /* and
            another */ "lines": "a
b\"c", list: [1, 2,], }
        }}"#;
        let read = parse(body).unwrap();
        let template = json!({ "url": "https://x//y", "lines": "a\nb\"c", "list": [1, 2] });
        assert_eq!(read["properties"]["template"], template);
        assert_eq!(parse(b"{} {").unwrap_err().code, "InvalidRequestContent");
        assert!(parse(b"{\"a").is_err() && parse(b"").is_err() && parse(b"{a: true}").is_ok());
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[{}\\[\\]\"',:/*a\\\\\n ]{0,40}") {
            drop(parse(text.as_bytes()));
        }

        #[test]
        fn strict_json_is_left_as_it_is(text in "\\PC{0,20}") {
            let value = json!({ "a": [text, null, 1.5, true], "": {} });
            prop_assert_eq!(serde_json::from_str::<Value>(&strict(&value.to_string())).unwrap(), value);
        }
    }
}
