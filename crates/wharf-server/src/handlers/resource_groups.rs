//! `Microsoft.Resources/resourceGroups`.

use axum::{
    extract::Path,
    http::{HeaderMap, HeaderValue, header},
};
use serde_json::Value;
use wharf_model::ResourceGroupKey;
use wharf_store::ResourceGroup;

use crate::http::Base;

pub(crate) mod create_or_update;
pub(crate) mod delete;
pub(crate) mod exists;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod update;

/// Subscription and name.
type AtResourceGroup = Path<(String, String)>;

pub(super) fn document(group: &ResourceGroup) -> Value {
    let ResourceGroup { key, location, tags, is_deleting, .. } = group;
    wharf_arm::resource_group::render(key, location, tags, *is_deleting)
}

/// Where to look while a resource group is removed.
pub(super) fn add_location(headers: &mut HeaderMap, base: &Base, key: &ResourceGroupKey) {
    let url = wharf_arm::operation::removal_url(&base.0, &key.subscription, &key.name);
    if let Ok(url) = HeaderValue::from_str(&url) {
        headers.insert(header::LOCATION, url);
    }
}
