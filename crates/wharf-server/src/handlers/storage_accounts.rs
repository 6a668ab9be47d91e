//! `Microsoft.Storage/storageAccounts`: owners of file shares.

use serde_json::Value;
use wharf_arm::storage::account;
use wharf_store::{Resource, ResourceContent};

use crate::http::Base;

pub(crate) mod check_name_availability;
pub(crate) mod create_or_update;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod get_file_service;
pub(crate) mod list;
pub(crate) mod list_keys;
pub(crate) mod regenerate_key;

fn stored(content: &ResourceContent) -> account::Stored {
    let document = serde_json::from_str(&content.document).unwrap_or_default();
    (content.location.clone(), content.tags.clone(), document)
}

fn document(resource: &Resource, base: &Base) -> Value {
    let at = resource.created_at;
    account::render(&resource.key, &stored(&resource.content), at, &base.0)
}
