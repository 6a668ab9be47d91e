//! The properties of a container group in the published document.

use serde_json::Value;

const DOCUMENT: &str =
    include_str!("../../../wharf/tests/fixtures/aci/openapi/2025-09-01/containerInstance.json");

/// Every property that has no properties of its own, and whether only the service sets it; items
/// of an array are `[]`.
pub(crate) fn properties() -> Vec<(String, bool)> {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let mut found = Vec::new();
    let definitions = &document["definitions"];
    walk(definitions, &definitions["ContainerGroup"], "", &mut found);
    found
}

fn walk(definitions: &Value, schema: &Value, path: &str, found: &mut Vec<(String, bool)>) {
    let schema = resolve(definitions, schema);
    let parts = schema["allOf"].as_array().into_iter().flatten();
    for part in parts.filter(|part| part["$ref"].as_str().is_none_or(|to| to.starts_with('#'))) {
        walk(definitions, part, path, found);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let mut inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if property["readOnly"] == true {
            found.push((inner, true));
            continue;
        }
        let mut property = property;
        if property["type"] == "array" {
            inner.push_str("[]");
            property = &property["items"];
        }
        let whole = resolve(definitions, property);
        if whole["properties"].is_object() || whole["allOf"].is_array() {
            walk(definitions, whole, &inner, found);
        } else {
            found.push((inner, false));
        }
    }
}

fn resolve<'a>(definitions: &'a Value, schema: &'a Value) -> &'a Value {
    let name = schema["$ref"].as_str().and_then(|to| to.strip_prefix("#/definitions/"));
    name.map_or(schema, |name| &definitions[name])
}
