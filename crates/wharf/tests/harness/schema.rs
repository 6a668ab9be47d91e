//! The published OpenAPI document as the judge of every answer: what the harness receives from the
//! container instance API must be what the document says for that path, method and status.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

const DOCUMENT: &str = include_str!("../fixtures/aci/openapi/2025-09-01/containerInstance.json");
const COMMON: &str = include_str!("../fixtures/aci/openapi/common-types-v5.json");

static SPEC: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(DOCUMENT).unwrap());
/// All definitions under one root, as a schema's own.
static DEFINITIONS: LazyLock<Value> = LazyLock::new(|| {
    let mut own = SPEC["definitions"].clone();
    localise(&mut own);
    let common: Value = serde_json::from_str(COMMON).unwrap();
    for (name, definition) in common["definitions"].as_object().unwrap() {
        let mut definition = definition.clone();
        // The common document refers to itself.
        localise_within(&mut definition, "common-");
        own[format!("common-{name}")] = definition;
    }
    own
});

fn localise(value: &mut Value) {
    localise_within(value, "");
}

/// Points references into one root, and asks for no member that an answer never has.
fn localise_within(value: &mut Value, prefix: &str) {
    if let Some(members) = value.as_object_mut() {
        if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
            let (document, name) = reference.split_once("#/definitions/").unwrap_or(("", ""));
            let prefix = if document.is_empty() { prefix } else { "common-" };
            members.insert("$ref".to_owned(), json!(format!("#/definitions/{prefix}{name}")));
        }
        forget_secrets(members);
        for member in members.values_mut() {
            localise_within(member, prefix);
        }
    } else if let Some(items) = value.as_array_mut() {
        for item in items {
            localise_within(item, prefix);
        }
    }
}

/// Secrets are required in requests and absent from answers; the document does not tell them apart.
fn forget_secrets(definition: &mut Map<String, Value>) {
    let Some(properties) = definition.get("properties").cloned() else { return };
    if let Some(required) = definition.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| {
            properties[name.as_str().unwrap_or_default()]["x-ms-secret"] != json!(true)
        });
    }
}

/// The path of the document that a request's path is an instance of.
fn path_of(path: &str) -> Option<&'static str> {
    let wanted: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let fits = |template: &str| {
        let parts: Vec<&str> = template.split('/').filter(|part| !part.is_empty()).collect();
        parts.len() == wanted.len()
            && parts
                .iter()
                .zip(&wanted)
                .all(|(part, wanted)| part.starts_with('{') || part.eq_ignore_ascii_case(wanted))
    };
    SPEC["paths"].as_object().unwrap().keys().map(String::as_str).find(|template| fits(template))
}

/// What is wrong with an answer; nothing when the document does not speak of that path.
pub(crate) fn complaints(
    method: &str,
    path: &str,
    status: u16,
    body: Option<&Value>,
) -> Vec<String> {
    let path = path.split('?').next().unwrap_or_default();
    let Some(template) = path_of(path) else { return Vec::new() };
    let operation = &SPEC["paths"][template][method.to_ascii_lowercase()];
    // A path that is not served at all answers as ARM does.
    let responses = &operation["responses"];
    let exact = &responses[status.to_string()];
    let response = if exact.is_null() { &responses["default"] } else { exact };
    if exact.is_null() && status < 400 {
        return vec![format!("{method} {template} does not answer {status}")];
    }
    match (response.get("schema"), body) {
        (None, Some(_)) if status < 400 => vec![format!("{template} has no body for {status}")],
        (None, _) => Vec::new(),
        (Some(_), None) => vec![format!("{method} {template} has a body for {status}")],
        (Some(schema), Some(body)) => validate(schema, body),
    }
}

/// What is wrong with a document of a type of the OpenAPI document, such as `ContainerGroup`.
pub(crate) fn complaints_of(definition: &str, body: &Value) -> Vec<String> {
    validate(&json!({ "$ref": format!("#/definitions/{definition}") }), body)
}

/// The keywords that the document uses, and no other: a validator for all of JSON Schema would bring
/// forty packages.
fn validate(schema: &Value, value: &Value) -> Vec<String> {
    let mut schema = schema.clone();
    localise(&mut schema);
    let mut found = Vec::new();
    check("", &schema, value, &mut found);
    found
}

fn check(at: &str, schema: &Value, value: &Value, found: &mut Vec<String>) {
    for (keyword, rule) in schema.as_object().unwrap() {
        let is_good = match (keyword.as_str(), value) {
            ("$ref", _) => {
                let name = rule.as_str().unwrap().strip_prefix("#/definitions/").unwrap();
                assert!(!DEFINITIONS[name].is_null(), "{name} is not defined");
                check(at, &DEFINITIONS[name], value, found);
                true
            }
            ("allOf", _) => {
                for part in rule.as_array().unwrap() {
                    check(at, part, value, found);
                }
                true
            }
            ("properties", Value::Object(members)) => {
                for (name, value) in members {
                    if let Some(schema) = rule.get(name) {
                        check(&format!("{at}/{name}"), schema, value, found);
                    }
                }
                true
            }
            ("additionalProperties", Value::Object(members)) if rule.is_object() => {
                let known = schema.get("properties");
                let is_other = |name: &String| known.is_none_or(|known| known.get(name).is_none());
                for (name, value) in members.iter().filter(|(name, _)| is_other(name)) {
                    check(&format!("{at}/{name}"), rule, value, found);
                }
                true
            }
            ("items", Value::Array(items)) => {
                for (number, item) in items.iter().enumerate() {
                    check(&format!("{at}/{number}"), rule, item, found);
                }
                true
            }
            ("required", Value::Object(members)) => {
                let names = rule.as_array().unwrap().iter().filter_map(Value::as_str);
                names.clone().all(|name| members.contains_key(name))
            }
            ("type", _) => has_type(rule.as_str().unwrap(), value),
            ("enum", _) => rule.as_array().unwrap().contains(value),
            ("format", Value::String(text)) if rule == "date-time" => is_date_time(text),
            ("minimum", Value::Number(number)) => number.as_f64() >= rule.as_f64(),
            ("maximum", Value::Number(number)) => number.as_f64() <= rule.as_f64(),
            _ => true,
        };
        if !is_good {
            found.push(format!("{at}: {value} breaks {keyword}: {rule}"));
        }
    }
}

fn has_type(name: &str, value: &Value) -> bool {
    match name {
        "array" => value.is_array(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "object" => value.is_object(),
        "string" => value.is_string(),
        other => panic!("a type {other}"),
    }
}

/// RFC 3339 in UTC, which is all that ARM writes.
fn is_date_time(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let fraction =
        shape.strip_prefix("0000-00-00T00:00:00").and_then(|rest| rest.strip_suffix('Z'));
    fraction.is_some_and(|rest| {
        rest.is_empty()
            || (rest.len() > 1 && rest.starts_with('.') && rest[1..].chars().all(|c| c == '0'))
    })
}

/// The operation names of the document with their methods and paths.
pub(crate) fn operations() -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for (path, methods) in SPEC["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if let Some(id) = operation["operationId"].as_str() {
                found.push((id.to_owned(), method.to_ascii_uppercase(), path.clone()));
            }
        }
    }
    found
}

/// The properties of a definition, its parents' included: name and schema.
pub(crate) fn properties(definition: &str) -> Vec<(String, Value)> {
    let definition = &DEFINITIONS[definition];
    let parents = definition["allOf"].as_array().into_iter().flatten();
    let mut found: Vec<(String, Value)> = parents
        .filter_map(|parent| parent["$ref"].as_str()?.strip_prefix("#/definitions/"))
        .flat_map(properties)
        .collect();
    let own = definition["properties"].as_object().into_iter().flatten();
    found.extend(own.map(|(name, schema)| (name.clone(), schema.clone())));
    found
}

#[test]
fn the_judge_tells_right_from_wrong() {
    let group = json!({
        "name": "g",
        "location": "local",
        "properties": { "containers": [], "instanceView": { "events": [], "state": "Running" } },
    });
    assert_eq!(complaints_of("ContainerGroup", &group), Vec::<String>::new());
    let path = "/subscriptions/s/resourcegroups/r/providers/Microsoft.ContainerInstance/\
                containerGroups/g?api-version=x";
    assert_eq!(complaints("GET", path, 200, Some(&group)), Vec::<String>::new());
    let mut bad = group.clone();
    bad["properties"]["containers"] = json!([{ "name": 7 }]);
    assert!(!complaints("GET", path, 200, Some(&bad)).is_empty());
    assert!(!complaints("GET", path, 201, Some(&group)).is_empty());
    assert!(!complaints("GET", path, 200, None).is_empty());
    let error = json!({ "error": { "code": "X", "message": "y" } });
    assert_eq!(complaints("GET", path, 404, Some(&error)), Vec::<String>::new());
    let nonsense = json!({ "error": { "code": 1 } });
    assert!(!complaints("GET", path, 404, Some(&nonsense)).is_empty());
}
