//! `Microsoft.ManagedIdentity/userAssignedIdentities`: identities that live for themselves.

use serde_json::Value;
use wharf_arm::managed_identity::{self, USER_ASSIGNED};
use wharf_model::{ResourceKey, access::Principal};
use wharf_store::Resource;

use crate::app::App;

pub(crate) mod create_or_update;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;

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
