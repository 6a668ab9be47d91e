//! What must hold whatever arrives. The property tests beside this file and the fuzz targets in
//! `fuzz/` (run for hours, with coverage) call the same functions.

#![allow(dead_code, clippy::allow_attributes, reason = "a fuzz target uses one of them")]

use serde_json::Value;
use wharf_arm::{ApiVersion, container_group, error, resource_group, resource_id};
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
