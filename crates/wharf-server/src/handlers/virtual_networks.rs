//! `Microsoft.Network/virtualNetworks`, and what all resources of that namespace have in common.

use serde_json::Value;
use wharf_arm::network::{self, About, VIRTUAL_NETWORK};
use wharf_model::{Error, ResourceKey, network::VirtualNetwork};
use wharf_store::{Resource, ResourceContent, StoreError, Surroundings};

use crate::app::{App, store_failed};
use crate::http::ResourcePath;

pub(crate) mod create_or_update;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod update_tags;

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
fn key(app: &App, path: &ResourcePath) -> Result<ResourceKey, Error> {
    path.key(app, VIRTUAL_NETWORK)
}
