//! `Microsoft.ManagedIdentity/userAssignedIdentities`: identities that live for themselves.

use axum::extract::Path;
use serde_json::Value;
use wharf_arm::managed_identity::{self, USER_ASSIGNED};
use wharf_model::{Error, Name, ResourceKey, access::Principal};
use wharf_store::Resource;

use crate::app::App;

pub(crate) mod create_or_update;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;

/// Subscription, resource group and name.
type AtIdentity = Path<(String, String, String)>;

fn key(
    app: &App,
    (subscription, resource_group, name): (String, String, String),
) -> Result<ResourceKey, Error> {
    Ok(ResourceKey {
        resource_group: app.resource_group(&subscription, &resource_group)?,
        kind: Name::from(USER_ASSIGNED),
        name: Name::new(name),
    })
}

fn id(key: &ResourceKey) -> String {
    let home = wharf_arm::resource_id::resource_group(&key.resource_group);
    format!("{home}/providers/{USER_ASSIGNED}/{}", key.name)
}

fn document(app: &App, resource: &Resource, principal: &Principal) -> Value {
    let content = &resource.content;
    managed_identity::render(
        &id(&resource.key),
        resource.key.name.as_str(),
        (&content.location, &content.tags),
        (principal.id, &principal.login),
        &app.settings.tenant,
    )
}

fn not_found(key: &ResourceKey) -> Error {
    managed_identity::not_found(key.name.as_str(), key.resource_group.name.as_str())
}
