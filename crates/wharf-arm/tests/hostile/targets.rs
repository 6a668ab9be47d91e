//! What must hold whatever arrives. The property tests beside this file and the fuzz targets in
//! `fuzz/` (run for hours, with coverage) call the same functions.

#![allow(dead_code, clippy::allow_attributes, reason = "a fuzz target uses one of them")]

use serde_json::{Value, json};
use wharf_arm::{
    ApiVersion, container_group, error, lenient, resource_group, resource_id,
    template::{Answers, Context, Pending, Template},
};
use wharf_model::{Error, GroupKey, Name, ResourceGroupKey};

/// A word that stands where secrets stand; it must not come out again.
pub(crate) const SECRET: &str = "c2VjcmV0LW9mLXRoZS1mdXp6ZXI=";

/// A path in canonical casing stays as it is, and says the same as before.
pub(crate) fn path(text: &str) {
    let canonical = resource_id::canonical_path(text);
    assert_eq!(resource_id::canonical_path(&canonical), canonical, "{text}");
    let segments = |path: &str| -> Vec<String> {
        path.split('/').filter(|one| !one.is_empty()).map(str::to_ascii_lowercase).collect()
    };
    assert_eq!(segments(&canonical), segments(text), "{text}");
}

/// A body is taken or refused as the client's mistake, in every version; nothing that is told
/// about it has a secret in it.
pub(crate) fn group_body(bytes: &[u8]) {
    if let Ok(body) = serde_json::from_slice::<Value>(bytes) {
        group_value(&body);
    }
}

/// The same of a body that is JSON.
pub(crate) fn group_value(body: &Value) {
    for version in wharf_arm::api_version::CONTAINER_INSTANCE {
        let version = ApiVersion::parse(Some(version)).expect("a version of the list");
        match container_group::parse(body, &key(), version) {
            Ok(proposal) => {
                assert!(!proposal.document.contains(SECRET), "{}", proposal.document);
                let document: Value = serde_json::from_str(&proposal.document).expect("JSON");
                assert!(document.is_object(), "{document}");
            }
            Err(refusal) => is_the_clients_mistake(&refusal),
        }
    }
    if let Err(refusal) = container_group::parse_patch(body) {
        is_the_clients_mistake(&refusal);
    }
    if let Err(refusal) = resource_group::parse(body) {
        is_the_clients_mistake(&refusal);
    }
}

/// A version is one of the list or refused.
pub(crate) fn api_version(text: &str) {
    match ApiVersion::parse(Some(text)) {
        Ok(version) => assert!(version.as_str().eq_ignore_ascii_case(text)),
        Err(refusal) => is_the_clients_mistake(&refusal),
    }
}

/// A template is planned or refused as the client's mistake, and so is each of its resources. What
/// is no document is taken for an expression in one.
pub(crate) fn template(bytes: &[u8]) {
    let document = match lenient::parse(bytes) {
        Ok(document) if document.is_object() => document,
        Ok(_) => return,
        Err(refusal) => {
            is_the_clients_mistake(&refusal);
            let Ok(text) = std::str::from_utf8(bytes) else { return };
            expression(text)
        }
    };
    match Template::new(&document, &json!({}), context()) {
        Ok(template) => {
            for index in 0..template.resources().len() {
                is_told(template.body(index, &Answers::new()));
            }
            is_told(template.outputs(&Answers::new()));
        }
        Err(refusal) => is_the_clients_mistake(&refusal),
    }
}

fn is_told(answer: Result<Value, Pending>) {
    if let Err(Pending::Failed(refusal)) = answer {
        is_the_clients_mistake(&refusal);
    }
}

fn expression(text: &str) -> Value {
    json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "variables": { "v": format!("[{text}]"), "w": [1, "a", { "b": null }] },
        "resources": [],
        "outputs": { "o": { "type": "object", "value": "[variables('v')]" } },
    })
}

fn context() -> Context {
    let home = "/subscriptions/s/resourceGroups/g";
    Context {
        subscription: json!({ "id": "/subscriptions/s", "subscriptionId": "s", "tenantId": "t" }),
        resource_group: json!({ "id": home, "name": "g", "location": "westus" }),
        deployment: json!({ "name": "d" }),
        environment: json!({ "name": "Wharf" }),
        tenant: json!({ "tenantId": "t" }),
        now: jiff::Timestamp::UNIX_EPOCH,
        seed: uuid::Uuid::nil(),
    }
}

fn is_the_clients_mistake(refusal: &Error) {
    let status = error::status(refusal.kind);
    assert!((400..500).contains(&status), "{status}: {refusal:?}");
    let body = error::body(refusal);
    let text = |name: &str| body["error"][name].as_str().unwrap_or_default().to_owned();
    assert!(!text("code").is_empty() && !text("message").is_empty(), "{body}");
    assert!(!body.to_string().contains(SECRET), "{body}");
}

fn key() -> GroupKey {
    let resource_group = ResourceGroupKey {
        subscription: Name::new("00000000-0000-0000-0000-000000000001"),
        name: Name::new("fuzz"),
    };
    GroupKey { resource_group, name: Name::new("fuzzed") }
}
