//! Resources of any type as the generic lists show them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use wharf_model::ResourceKey;

use crate::{resource_id, time};

/// What the lists know of a resource.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Where it is.
    pub key: ResourceKey,
    /// Its region.
    pub location: String,
    /// Its tags: an object of strings.
    pub tags: Value,
    /// Its identity, if it has one.
    pub identity: Option<Value>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last written.
    pub changed_at: Timestamp,
    /// Such as `Succeeded`.
    pub provisioning_state: &'static str,
}

/// An entry of a list; `expand` is what `$expand` names.
pub fn render(summary: &Summary, expand: &str) -> Value {
    let mut entry = Map::new();
    entry.insert("id".to_owned(), json!(resource_id::resource(&summary.key)));
    entry.insert("name".to_owned(), json!(summary.key.name.as_str()));
    entry.insert("type".to_owned(), json!(summary.key.kind.as_str()));
    entry.insert("location".to_owned(), json!(summary.location));
    entry.insert("tags".to_owned(), summary.tags.clone());
    if let Some(identity) = &summary.identity {
        entry.insert("identity".to_owned(), identity.clone());
    }
    for name in expand.split(',').map(str::trim) {
        let value = match name.to_ascii_lowercase().as_str() {
            "createdtime" => json!(time::millis(summary.created_at)),
            "changedtime" => json!(time::millis(summary.changed_at)),
            "provisioningstate" => json!(summary.provisioning_state),
            _ => continue,
        };
        entry.insert(name.to_owned(), value);
    }
    Value::Object(entry)
}
