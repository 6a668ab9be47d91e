//! `Microsoft.ContainerRegistry/registries`: registries of one's own.

use axum::extract::Path;
use serde::Deserialize;
use serde_json::Value;
use wharf_arm::container_registry::{self, REGISTRY};
use wharf_model::{Error, Name, ResourceKey};
use wharf_store::{Filter, Resource, ResourceContent};

use crate::app::App;

pub(crate) mod check_name_availability;
pub(crate) mod create_or_update;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod list_credentials;
pub(crate) mod regenerate_credential;

/// The path of a registry, or of all registries.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RegistryPath {
    subscription: String,
    resource_group: Option<String>,
    registry: Option<String>,
}

pub(crate) type AtRegistry = Path<RegistryPath>;

impl RegistryPath {
    fn key(&self, app: &App) -> Result<ResourceKey, Error> {
        let home = self.resource_group.as_deref().unwrap_or_default();
        let resource_group = app.resource_group(&self.subscription, home)?;
        let name = Name::new(self.registry.as_deref().unwrap_or_default());
        Ok(ResourceKey { resource_group, kind: Name::from(REGISTRY), name })
    }

    /// The registry of the path, or the 404 that says so.
    async fn find(&self, app: &App) -> Result<Resource, Error> {
        let key = self.key(app)?;
        app.resource(&key).await?.ok_or_else(|| wharf_arm::network::not_found(&key))
    }

    async fn scope(&self, app: &App) -> Result<Filter, Error> {
        let Some(name) = &self.resource_group else {
            return Ok(Filter::Subscription(app.subscription(&self.subscription)?));
        };
        let key = app.resource_group(&self.subscription, name)?;
        let wanted = key.clone();
        if app.read(move |store| store.resource_group(&wanted)).await?.is_none() {
            return Err(wharf_arm::error::resource_group_not_found(&key));
        }
        Ok(Filter::ResourceGroup(key))
    }
}

fn stored(content: &ResourceContent) -> container_registry::Stored {
    let document = serde_json::from_str(&content.document).unwrap_or_default();
    (content.location.clone(), content.tags.clone(), document)
}

fn document(app: &App, resource: &Resource) -> Value {
    let content = stored(&resource.content);
    container_registry::render(&resource.key, &content, resource.created_at, &app.registries.zone)
}
