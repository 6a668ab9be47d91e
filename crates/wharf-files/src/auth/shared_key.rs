//! The `SharedKey` and `SharedKeyLite` schemes.

use std::{cmp::Ordering, collections::BTreeMap};

use jiff::{SignedDuration, Timestamp};

use super::{collation, failed, is_signed};
use crate::{
    accounts::Account,
    error::{Code, FilesError},
    request::Call,
    times::parse_http_date,
};

/// How far the client's clock may be off.
const SKEW: SignedDuration = SignedDuration::from_mins(15);
/// From this version on a length of zero is signed as nothing.
const EMPTY_LENGTH: &str = "2015-02-21";
/// Headers that are signed, in this order, before those of Azure's own.
const SIGNED: [&str; 11] = [
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
];
const SIGNED_LITE: [&str; 3] = ["content-md5", "content-type", "date"];

type Compare = fn(&str, &str) -> Ordering;
/// Clients do not agree on how to sort headers; a signature may be of either order.
const ORDERS: [Compare; 2] = [by_bytes, collation::compare];

fn by_bytes(one: &str, other: &str) -> Ordering {
    one.cmp(other)
}

/// Checks an `Authorization` header.
pub(super) fn verify(
    call: &Call,
    account: &Account,
    header: &str,
    now: Timestamp,
) -> Result<(), FilesError> {
    let malformed = || FilesError::from(Code::InvalidAuthenticationInfo);
    let (scheme, rest) = header.split_once(' ').ok_or_else(malformed)?;
    let lite = match scheme {
        "SharedKey" => false,
        "SharedKeyLite" => true,
        _ => return Err(malformed()),
    };
    let (name, signature) = rest.trim().split_once(':').ok_or_else(malformed)?;
    if name != account.name {
        return Err(failed(
            "The account in the Authorization header is not the one in the address.",
        ));
    }
    check_date(call, now)?;
    let mut texts = ORDERS.map(|order| string_to_sign(call, lite, order)).to_vec();
    texts.dedup();
    if texts.iter().any(|text| is_signed(account, signature, text)) {
        return Ok(());
    }
    let used = texts.first().map(String::as_str).unwrap_or_default();
    Err(failed(format!(
        "The MAC signature found in the HTTP request '{signature}' is not the same as any computed \
         signature. Server used following string to sign: '{used}'."
    )))
}

fn check_date(call: &Call, now: Timestamp) -> Result<(), FilesError> {
    let date = call.header("x-ms-date").or_else(|| call.header("date"));
    let time = date.and_then(parse_http_date);
    let time = time.ok_or_else(|| failed("The request has no valid x-ms-date or Date header."))?;
    if now.duration_since(time).abs() > SKEW {
        return Err(failed(format!(
            "Request date header too far from the server's time: '{}'.",
            date.unwrap_or_default()
        )));
    }
    Ok(())
}

pub(super) fn string_to_sign(call: &Call, lite: bool, order: Compare) -> String {
    let mut text = format!("{}\n", call.method);
    for name in if lite { &SIGNED_LITE[..] } else { &SIGNED[..] } {
        text.push_str(plain_header(call, name));
        text.push('\n');
    }
    text.push_str(&own_headers(call, order));
    text.extend(["/", &call.target.account, call.uri.path()]);
    if lite {
        if let Some(comp) = call.parameter("comp") {
            text.extend(["?comp=", comp]);
        }
        return text;
    }
    for (name, values) in &call.query {
        let mut values = values.clone();
        values.sort_unstable();
        text.extend(["\n", name, ":", &values.join(",")]);
    }
    text
}

fn plain_header<'a>(call: &'a Call, name: &str) -> &'a str {
    let value = call.header(name).unwrap_or_default();
    match name {
        "content-length" if value == "0" => {
            let old = call.version().is_ok_and(|version| version < EMPTY_LENGTH);
            if old { value } else { "" }
        }
        "date" if call.header("x-ms-date").is_some() => "",
        _ => value,
    }
}

fn own_headers(call: &Call, order: Compare) -> String {
    let mut headers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, value) in &call.headers {
        if name.as_str().starts_with("x-ms-") {
            let value = String::from_utf8_lossy(value.as_bytes()).trim().to_owned();
            headers.entry(name.as_str()).or_default().push(value);
        }
    }
    let mut headers: Vec<_> = headers.into_iter().collect();
    headers.sort_by(|(one, _), (other, _)| order(one, other));
    let lines = headers.iter().map(|(name, values)| [*name, ":", &values.join(","), "\n"].concat());
    lines.collect()
}
