//! `Microsoft.Network/virtualNetworks`, and what all resources of that namespace have in common.

use axum::extract::Path;
use serde::Deserialize;
use serde_json::Value;
use wharf_arm::network::{self, About, VIRTUAL_NETWORK};
use wharf_model::{Error, Name, ResourceKey, network::VirtualNetwork};
use wharf_store::{Filter, Resource, ResourceContent, ResourceFilter, StoreError, Surroundings};

use crate::app::{App, store_failed};

pub(crate) mod create_or_update;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod update_tags;

/// The path of a resource of this namespace, or of all of one type.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct NetworkPath {
    subscription: String,
    resource_group: Option<String>,
    /// A virtual network or network security group.
    resource: Option<String>,
    /// A subnet or rule.
    part: Option<String>,
}

pub(crate) type AtNetwork = Path<NetworkPath>;

impl NetworkPath {
    pub(crate) fn key(&self, app: &App, kind: &str) -> Result<ResourceKey, Error> {
        let home = self.resource_group.as_deref().unwrap_or_default();
        let name = Name::new(self.resource.as_deref().unwrap_or_default());
        let resource_group = app.resource_group(&self.subscription, home)?;
        Ok(ResourceKey { resource_group, kind: Name::from(kind), name })
    }

    pub(crate) fn part(&self) -> Name {
        Name::new(self.part.as_deref().unwrap_or_default())
    }

    /// All resources of a type, of the resource group or of the subscription.
    pub(crate) async fn list(&self, app: &App, kind: &str) -> Result<Vec<Resource>, Error> {
        let scope = match &self.resource_group {
            None => Filter::Subscription(app.subscription(&self.subscription)?),
            Some(name) => {
                let key = app.resource_group(&self.subscription, name)?;
                let wanted = key.clone();
                if app.read(move |store| store.resource_group(&wanted)).await?.is_none() {
                    return Err(wharf_arm::error::resource_group_not_found(&key));
                }
                Filter::ResourceGroup(key)
            }
        };
        let filter = ResourceFilter { scope, kind: Some(Name::from(kind)) };
        app.read(move |store| store.list_resources(&filter)).await
    }
}

/// The resource of that name, or the 404 that says so.
pub(crate) async fn find(app: &App, key: &ResourceKey) -> Result<Resource, Error> {
    app.resource(key).await?.ok_or_else(|| network::not_found(key))
}

/// Changes with every change of a resource.
pub(crate) fn etag(resource: &Resource) -> String {
    format!("W/\"{:x}\"", resource.changed_at.as_nanosecond())
}

pub(crate) fn about<'a>(resource: &'a Resource, etag: &'a str) -> About<'a> {
    let ResourceContent { location, tags, .. } = &resource.content;
    About { key: &resource.key, location, tags, etag }
}

/// What is stored of a resource, or why that cannot be read.
pub(crate) fn read<T>(found: Result<T, StoreError>) -> Result<T, Error> {
    found.map_err(|error| store_failed(&error))
}

/// What is to be stored, with what is kept of the resource as it was.
pub(crate) fn content<T: serde::Serialize>(
    document: &T,
    (location, tags): (String, String),
) -> Result<ResourceContent, Error> {
    let document =
        serde_json::to_string(document).map_err(|error| Error::internal(error.to_string()))?;
    Ok(ResourceContent { location, tags, document, secret: None })
}

fn document(resource: &Resource) -> Result<Value, Error> {
    let network = read(resource.virtual_network())?;
    Ok(network::virtual_network::render(about(resource, &etag(resource)), &network))
}

/// Whether a network can be as it is, among what else there is.
pub(crate) fn check(
    app: &App,
    key: &ResourceKey,
    (before, after): (Option<&VirtualNetwork>, &VirtualNetwork),
    around: &Surroundings<'_>,
) -> Result<(), Error> {
    if let Some(before) = before {
        after.check_uses(before, &around.uses)?;
    }
    after.check(&key.name, &app.settings.pools)?;
    for guard in after.subnets.iter().filter_map(|subnet| subnet.security_group.as_ref()) {
        if !around.has(guard)? {
            return Err(network::reference_not_found(guard));
        }
    }
    Ok(())
}

/// Has the groups in virtual networks looked at: their guards may have changed.
pub(crate) async fn wake_groups(app: &App) -> Result<(), Error> {
    for id in app.read(wharf_store::Store::groups_in_networks).await? {
        app.controller.poke(&id);
    }
    Ok(())
}

/// The network that a path is about.
fn key(app: &App, path: &NetworkPath) -> Result<ResourceKey, Error> {
    path.key(app, VIRTUAL_NETWORK)
}
