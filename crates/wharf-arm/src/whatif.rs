//! What a deployment would change: the answer of `whatIf`.
//!
//! Told is what the template sets and is set otherwise. What it does not name (defaults, states,
//! instance views) is not compared, and secrets cannot be: they are never told.

use serde_json::{Map, Value, json};

use crate::template::Planned;

/// Members that never come back.
const SECRETS: &[&str] = &[
    "secureValue",
    "password",
    "storageAccountKey",
    "workspaceKey",
    "secret",
    "protectedSettings",
];

/// What happens to a resource; `current` is its document if it is there.
pub fn change(planned: &Planned, body: &Value, current: Option<&Value>) -> Value {
    let mut after = json!({
        "id": planned.id,
        "type": planned.kind,
        "name": planned.name.rsplit('/').next().unwrap_or(&planned.name),
        "apiVersion": planned.api_version,
    });
    for (name, value) in without_secrets(body).as_object().into_iter().flatten() {
        after[name] = value.clone();
    }
    let Some(current) = current else {
        return json!({ "resourceId": planned.id, "changeType": "Create", "after": after });
    };
    let mut delta = Vec::new();
    for (name, value) in body.as_object().into_iter().flatten() {
        compare(name, value, current.get(name), &mut delta);
    }
    let kind = if delta.is_empty() { "NoChange" } else { "Modify" };
    json!({
        "resourceId": planned.id,
        "changeType": kind,
        "before": current,
        "after": after,
        "delta": delta,
    })
}

/// A resource of the resource group that the template does not name.
pub fn ignored(entry: &Value) -> Value {
    json!({ "resourceId": entry["id"], "changeType": "Ignore", "before": entry, "after": entry })
}

/// Where the first of those differences is that matter: what is wanted and is not so.
pub(crate) fn first_difference(
    path: &str,
    wanted: &Value,
    found: Option<&Value>,
) -> Option<String> {
    let mut delta = Vec::new();
    compare(path, wanted, found, &mut delta);
    delta.first().and_then(|change| change["path"].as_str()).map(str::to_owned)
}

fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn is_secret(name: &str) -> bool {
    SECRETS.iter().any(|secret| secret.eq_ignore_ascii_case(name))
}

fn compare(path: &str, wanted: &Value, found: Option<&Value>, delta: &mut Vec<Value>) {
    let last = path.rsplit('.').next().unwrap_or(path);
    if is_secret(last) || wanted.is_null() {
        return;
    }
    let change = |kind: &str, before: Option<&Value>| {
        json!({
            "path": path,
            "propertyChangeType": kind,
            "before": before,
            "after": without_secrets(wanted),
        })
    };
    match (wanted, found) {
        (Value::Object(wanted), None | Some(Value::Null)) if wanted.is_empty() => {}
        (Value::Array(wanted), None | Some(Value::Null)) if wanted.is_empty() => {}
        (_, None | Some(Value::Null)) => delta.push(change("Create", None)),
        (Value::Object(wanted), Some(Value::Object(found))) => {
            for (name, value) in wanted {
                compare(&format!("{path}.{name}"), value, member(found, name), delta);
            }
        }
        (Value::Array(wanted), Some(Value::Array(found))) => {
            let mut children = Vec::new();
            for i in 0..wanted.len().max(found.len()) {
                let path = i.to_string();
                match (wanted.get(i), found.get(i)) {
                    (Some(wanted), found) => compare(&path, wanted, found, &mut children),
                    (None, Some(found)) => children.push(json!({
                        "path": path, "propertyChangeType": "Delete", "before": found, "after": null,
                    })),
                    (None, None) => {}
                }
            }
            if !children.is_empty() {
                let before = Value::Array(found.clone());
                let mut array = change("Array", Some(&before));
                array["children"] = Value::Array(children);
                delta.push(array);
            }
        }
        (wanted, Some(found)) if is_same(wanted, found) => {}
        (_, Some(found)) => delta.push(change("Modify", Some(found))),
    }
}

/// Texts in any case (`Tcp`, `West US`), numbers also as texts.
fn is_same(wanted: &Value, found: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    match (wanted, found) {
        (Value::String(a), Value::String(b)) => {
            a.eq_ignore_ascii_case(b)
                || crate::location::normalise(a) == crate::location::normalise(b)
        }
        _ => wanted == found || (number(wanted).is_some() && number(wanted) == number(found)),
    }
}

fn without_secrets(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, _)| !is_secret(name));
            kept.map(|(name, value)| (name.clone(), without_secrets(value))).collect()
        }
        Value::Array(items) => items.iter().map(without_secrets).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(wanted: &Value, found: &Value) -> Vec<Value> {
        let mut delta = Vec::new();
        compare("p", wanted, Some(found), &mut delta);
        delta
    }

    #[test]
    fn defaults_spellings_and_secrets_are_no_changes() {
        let wanted =
            json!({ "osType": "linux", "cpu": "1.0", "a": [{ "secureValue": "x" }], "b": [] });
        let found = json!({ "OSType": "Linux", "cpu": 1, "a": [{ "name": "y" }], "more": true });
        assert_eq!(delta(&wanted, &found), Vec::<Value>::new());
    }

    #[test]
    fn changes_are_told_with_their_places() {
        let wanted = json!({ "image": "a", "list": [1, 2], "new": 1 });
        let found = json!({ "image": "b", "list": [1, 3, 4] });
        let delta = delta(&wanted, &found);
        let kinds: Vec<_> = delta.iter().map(|d| d["propertyChangeType"].as_str()).collect();
        assert_eq!(kinds, [Some("Modify"), Some("Array"), Some("Create")]);
        assert_eq!(delta[0]["path"], "p.image");
        let children = delta[1]["children"].as_array().unwrap();
        assert_eq!(children[0]["path"], "1");
        assert_eq!(children[1]["propertyChangeType"], "Delete");
    }
}
