//! `Microsoft.ContainerRegistry/registries`: registries of one's own.

use serde_json::Value;
use wharf_arm::container_registry::{self};
use wharf_store::{Resource, ResourceContent};

use crate::app::App;

pub(crate) mod check_name_availability;
pub(crate) mod create_or_update;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod list_credentials;
pub(crate) mod list_usages;
pub(crate) mod regenerate_credential;

fn stored(content: &ResourceContent) -> container_registry::Stored {
    let document = serde_json::from_str(&content.document).unwrap_or_default();
    (content.location.clone(), content.tags.clone(), document)
}

fn document(app: &App, resource: &Resource) -> Value {
    let content = stored(&resource.content);
    container_registry::render(&resource.key, &content, resource.created_at, &app.registries.zone)
}
