//! What differs between two answers once ids, times, addresses and names of hosts are levelled.

use std::collections::BTreeMap;

use serde_json::Value;

/// Headers that clients look at.
const HEADERS: &[&str] = &[
    "azure-asyncoperation",
    "content-type",
    "x-ms-correlation-request-id",
    "x-ms-ratelimit-remaining-subscription-deletes",
    "x-ms-ratelimit-remaining-subscription-reads",
    "x-ms-ratelimit-remaining-subscription-writes",
    "x-ms-request-id",
    "x-ms-routing-request-id",
];

/// Headers that are missing, or that are there and should not.
pub(crate) fn headers(
    recorded: &BTreeMap<String, String>,
    ours: &BTreeMap<String, String>,
) -> Vec<String> {
    let mut found = Vec::new();
    for name in HEADERS {
        match (recorded.get(*name), ours.get(*name)) {
            (Some(_), None) => found.push(format!("missing header {name}")),
            (None, Some(_)) if *name == "azure-asyncoperation" => {
                found.push(format!("extra header {name}"));
            }
            (Some(recorded), Some(ours)) if *name == "content-type" && recorded != ours => {
                found.push(format!("header {name} is {ours}, recorded {recorded}"));
            }
            (Some(_) | None, Some(_)) | (None, None) => {}
        }
    }
    found
}

/// Members that are missing, added, or not the same.
pub(crate) fn bodies(recorded: &Value, ours: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk("", recorded, ours, &mut found);
    found.sort();
    found.dedup();
    found
}

fn walk(path: &str, recorded: &Value, ours: &Value, found: &mut Vec<String>) {
    match (recorded, ours) {
        (Value::Object(left), Value::Object(right)) => {
            let at = |name: &str| {
                if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
            };
            for (name, value) in left {
                match right.get(name) {
                    Some(other) => walk(&at(name), value, other, found),
                    None => found.push(format!("missing {}", at(name))),
                }
            }
            let extra = right.keys().filter(|name| !left.contains_key(*name));
            found.extend(extra.map(|name| format!("extra {}", at(name))));
        }
        (Value::Array(left), Value::Array(right)) if path.ends_with("events") => {
            // How many there are depends on speed and cache; each has the same shape.
            if let (Some(left), Some(right)) = (left.first(), right.first()) {
                walk(&format!("{path}[]"), left, right, found);
            }
        }
        (Value::Array(left), Value::Array(right)) => {
            if left.len() != right.len() {
                found.push(format!("{path} has {} items, recorded {}", right.len(), left.len()));
            }
            left.iter().zip(right).for_each(|(l, r)| walk(&format!("{path}[]"), l, r, found));
        }
        _ if level(path, recorded) == level(path, ours) => {}
        _ => found.push(format!("{path} is {ours}, recorded {recorded}")),
    }
}

/// A leaf without what differs from one installation and moment to the next.
fn level(path: &str, value: &Value) -> Value {
    let name = path.rsplit('.').next().unwrap_or_default();
    match value {
        Value::String(_) if LEVELLED.contains(&name) => Value::from(format!("<{name}>")),
        Value::String(text) if name == "fqdn" => {
            // `label.region` and then the installation's suffix.
            Value::from(text.split('.').take(2).collect::<Vec<_>>().join("."))
        }
        // Which event came first, and how often, depends on what is cached.
        _ if path.contains("events[]") => Value::from("<event>"),
        _ => value.clone(),
    }
}

/// Members that are only compared in kind; an event's name and text depend on what is cached.
const LEVELLED: &[&str] = &[
    "clientId",
    "content",
    "finishTime",
    "firstTimestamp",
    "ip",
    "lastTimestamp",
    "message",
    "password",
    "principalId",
    "startTime",
    "tenantId",
    "webSocketUri",
];
