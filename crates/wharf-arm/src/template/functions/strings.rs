//! Functions on texts.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Args, Outcome, number_text};

/// The namespace of `guid()`, published with the sources of Azure's PowerShell tools.
const GUID: Uuid = Uuid::from_u128(0x11fb_06fb_712d_4ddd_98c7_e71b_bd58_8830);
/// Our own, for `uniqueString()`.
const UNIQUE: Uuid = Uuid::from_u128(0x6a1f_0e57_2f6d_4f0e_9d1c_57a4_f3b8_0c21);

pub(super) fn call(name: &str, args: &Args<'_>) -> Option<Outcome> {
    let outcome = match name {
        "tolower" => args.text(0).map(|text| json!(text.to_lowercase())),
        "toupper" => args.text(0).map(|text| json!(text.to_uppercase())),
        "trim" => args.text(0).map(|text| json!(text.trim())),
        "string" => args.value(0).map(|value| json!(as_text(value))),
        "replace" => replace(args),
        "substring" => substring(args),
        "padleft" => pad_left(args),
        "startswith" => ends(args, |text, part| text.starts_with(part)),
        "endswith" => ends(args, |text, part| text.ends_with(part)),
        "split" => split(args),
        "join" => join(args),
        "format" => format_text(args),
        "base64" => args.text(0).map(|text| json!(STANDARD.encode(text))),
        "base64tostring" => decoded(args).map(|text| json!(text)),
        "base64tojson" => decoded(args).and_then(|text| parse_json(&text)),
        "datauri" => args.value(0).map(|value| {
            json!(format!(
                "data:text/plain;charset=utf8;base64,{}",
                STANDARD.encode(as_text(value))
            ))
        }),
        "uricomponent" => args.text(0).map(|text| json!(escape(text))),
        "uricomponenttostring" => args.text(0).map(|text| json!(unescape(text))),
        "uri" => uri(args),
        "json" => args.text(0).and_then(parse_json),
        "guid" => joined(args, "-").map(|text| json!(Uuid::new_v5(&GUID, text.as_bytes()))),
        "uniquestring" => joined(args, "-").map(|text| json!(unique(&text))),
        _ => return None,
    };
    Some(outcome)
}

/// A value as `string()` and `concat()` write it.
pub(in super::super) fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Null => String::new(),
        Value::Number(number) => number_text(number),
        Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn parse_json(text: &str) -> Outcome {
    serde_json::from_str(text).map_err(|error| format!("'{text}' is not valid JSON: {error}."))
}

fn decoded(args: &Args<'_>) -> Result<String, String> {
    let text = args.text(0)?;
    let bytes = STANDARD.decode(text).map_err(|_| format!("'{text}' is not valid base64."))?;
    String::from_utf8(bytes).map_err(|_| format!("'{text}' does not encode a text."))
}

fn replace(args: &Args<'_>) -> Outcome {
    let (text, old, new) = (args.text(0)?, args.text(1)?, args.text(2)?);
    Ok(json!(if old.is_empty() { text.to_owned() } else { text.replace(old, new) }))
}

fn substring(args: &Args<'_>) -> Outcome {
    let letters: Vec<char> = args.text(0)?.chars().collect();
    let start = args.index(1)?;
    let length = if args.len() > 2 { args.index(2)? } else { letters.len().saturating_sub(start) };
    let end = start.checked_add(length).filter(|end| *end <= letters.len());
    let end = end.filter(|_| start <= letters.len()).ok_or_else(|| {
        format!(
            "The index and length parameters must refer to a location within the string. Length \
             of the string: '{}', index: '{start}', length: '{length}'.",
            letters.len()
        )
    })?;
    Ok(json!(letters[start..end].iter().collect::<String>()))
}

fn pad_left(args: &Args<'_>) -> Outcome {
    let text = as_text(args.value(0)?);
    let width = args.index(1)?;
    if width > super::LENGTH_MAX {
        return Err(format!("A text can be padded to {} letters at most.", super::LENGTH_MAX));
    }
    let padding = if args.len() > 2 { args.text(2)?.chars().next().unwrap_or(' ') } else { ' ' };
    let missing = width.saturating_sub(text.chars().count());
    Ok(json!(std::iter::repeat_n(padding, missing).chain(text.chars()).collect::<String>()))
}

fn ends(args: &Args<'_>, compare: impl Fn(&str, &str) -> bool) -> Outcome {
    Ok(json!(compare(&args.text(0)?.to_lowercase(), &args.text(1)?.to_lowercase())))
}

fn split(args: &Args<'_>) -> Outcome {
    let text = args.text(0)?;
    let separators: Vec<&str> = match args.value(1)? {
        Value::String(separator) => vec![separator],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => return Err("The separators of 'split' must be a string or an array.".to_owned()),
    };
    let separators: Vec<&str> = separators.into_iter().filter(|s| !s.is_empty()).collect();
    let mut parts = vec![text];
    for separator in separators {
        parts = parts.into_iter().flat_map(|part| part.split(separator)).collect();
    }
    Ok(json!(parts))
}

fn join(args: &Args<'_>) -> Outcome {
    let parts: Vec<String> = args.array(0)?.iter().map(as_text).collect();
    Ok(json!(parts.join(args.text(1)?)))
}

fn joined(args: &Args<'_>, with: &str) -> Result<String, String> {
    args.text(0)?;
    let texts: Result<Vec<&str>, String> = (0..args.len()).map(|i| args.text(i)).collect();
    Ok(texts?.join(with))
}

/// 13 letters that depend on the text alone. Azure's algorithm is not published, so its letters
/// differ.
fn unique(text: &str) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut bits = Uuid::new_v5(&UNIQUE, text.as_bytes()).as_u128();
    let mut letters = String::with_capacity(13);
    for _ in 0..13 {
        letters.push(char::from(ALPHABET[(bits & 31) as usize]));
        bits >>= 5;
    }
    letters
}

/// `{0}` and `{0:D4}` or `{0:000}`, as .NET formats.
fn format_text(args: &Args<'_>) -> Outcome {
    let pattern = args.text(0)?;
    let mut out = String::new();
    let mut rest = pattern;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let tail = &rest[at..];
        if let Some(after) = tail.strip_prefix("{{") {
            out.push('{');
            rest = after;
        } else if let Some(after) = tail.strip_prefix("}}") {
            out.push('}');
            rest = after;
        } else {
            let bad = || format!("The format '{pattern}' is not valid at '{tail}'.");
            let (inside, after) =
                tail.strip_prefix('{').and_then(|tail| tail.split_once('}')).ok_or_else(bad)?;
            let (index, spec) = inside.split_once(':').unwrap_or((inside, ""));
            let index: usize = index.trim().parse().map_err(|_| bad())?;
            out.push_str(&formatted(args.value(index + 1)?, spec).ok_or_else(bad)?);
            rest = after;
        }
    }
    out.push_str(rest);
    Ok(json!(out))
}

fn formatted(value: &Value, spec: &str) -> Option<String> {
    if spec.is_empty() {
        return Some(as_text(value));
    }
    let number = value.as_i64()?;
    let width = match spec.strip_prefix(['D', 'd']) {
        Some(digits) => digits.parse().ok()?,
        None if spec.bytes().all(|b| b == b'0') => spec.len(),
        None => return None,
    };
    let sign = if number < 0 { "-" } else { "" };
    let width = width.min(64);
    Some(format!("{sign}{:0width$}", number.unsigned_abs()))
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let digit = |bits: u8| char::from(b"0123456789ABCDEF"[usize::from(bits)]);
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    out
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..2).filter(|_| *first == b'%');
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The second part at the place that the first one names.
fn uri(args: &Args<'_>) -> Outcome {
    let (base, relative) = (args.text(0)?, args.text(1)?);
    if relative.contains("://") {
        return Ok(json!(relative));
    }
    let start = base.find("://").map_or(0, |at| at + 3);
    let path = base[start..].find('/').map(|at| at + start);
    let base = match (path, relative.starts_with('/')) {
        (None, _) => format!("{base}/"),
        (Some(path), true) => base[..=path].to_owned(),
        (Some(_), false) => base[..=base.rfind('/').unwrap_or(start)].to_owned(),
    };
    Ok(json!(format!("{base}{}", relative.trim_start_matches('/'))))
}
