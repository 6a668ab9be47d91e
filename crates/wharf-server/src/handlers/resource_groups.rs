//! `Microsoft.Resources/resourceGroups`.

use axum::extract::Path;
use serde_json::Value;
use wharf_store::ResourceGroup;

pub(crate) mod create_or_update;
pub(crate) mod delete;
pub(crate) mod exists;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod update;

/// Subscription and name.
type AtResourceGroup = Path<(String, String)>;

fn document(group: &ResourceGroup) -> Value {
    let ResourceGroup { key, location, tags, is_deleting, .. } = group;
    wharf_arm::resource_group::render(key, location, tags, *is_deleting)
}
