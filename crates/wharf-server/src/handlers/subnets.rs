//! `Microsoft.Network/virtualNetworks/subnets`.

use serde_json::Value;
use wharf_arm::{
    network::{self, SECURITY_GROUP, VIRTUAL_NETWORK, subnet},
    resource_id, role,
};
use wharf_model::{Error, GroupKey, ResourceKey, network::Subnet, network::SubnetKey};
use wharf_store::Resource;

use super::virtual_networks::{etag, read};
use crate::{app::App, auth::Caller, http::ResourcePath};

pub(crate) mod create_or_update;
pub(crate) mod delete;
pub(crate) mod delete_service_association_link;
pub(crate) mod get;
pub(crate) mod list;

fn key(app: &App, path: &ResourcePath) -> Result<ResourceKey, Error> {
    path.key(app, VIRTUAL_NETWORK)
}

/// The documents of all subnets of a network.
fn documents(resource: &Resource) -> Result<Vec<Value>, Error> {
    let (network, etag) = (read(resource.virtual_network())?, etag(resource));
    Ok(network.subnets.iter().map(|one| subnet::render(&resource.key, one, &etag)).collect())
}

fn document(resource: &Resource, path: &ResourcePath) -> Result<Value, Error> {
    let (network, name) = (read(resource.virtual_network())?, path.part());
    let subnet = network.subnet(&name);
    let subnet = subnet.ok_or_else(|| not_found(&resource.key, path))?;
    Ok(subnet::render(&resource.key, subnet, &etag(resource)))
}

fn not_found(network: &ResourceKey, path: &ResourcePath) -> Error {
    let mut key = network.clone();
    key.kind = network::SUBNET.into();
    key.name = format!("{}/{}", network.name, path.part()).as_str().into();
    wharf_arm::error::resource_not_found(&key)
}

/// A caller who puts a subnet behind a security group must be allowed to use that.
pub(crate) async fn check_may_guard(
    app: &App,
    caller: &Caller,
    network: &ResourceKey,
    subnet: &Subnet,
) -> Result<(), Error> {
    let Some(guard) = &subnet.security_group else { return Ok(()) };
    let scope = resource_id::resource(network);
    let action = format!("{SECURITY_GROUP}/join/action");
    check_linked(app, caller, &scope, (&action, &resource_id::resource(guard))).await
}

/// A caller who puts a group into a subnet must be allowed to use that.
pub(crate) async fn check_may_join(
    app: &App,
    caller: &Caller,
    group: &GroupKey,
    subnet: &SubnetKey,
) -> Result<(), Error> {
    let linked = format!("{}/subnets/{}", resource_id::resource(&subnet.network), subnet.name);
    let scope = resource_id::container_group(group);
    let action = format!("{}/join/action", network::SUBNET);
    check_linked(app, caller, &scope, (&action, &linked)).await
}

/// Whether who changes what is at a scope may use what is elsewhere for it.
pub(crate) async fn check_linked(
    app: &App,
    caller: &Caller,
    scope: &str,
    (action, linked): (&str, &str),
) -> Result<(), Error> {
    let Caller::Principal(principal) = caller else { return Ok(()) };
    if app.grants(principal.id).await?.allow(action, linked) {
        return Ok(());
    }
    let (client, object) = (principal.login.as_str(), principal.id);
    Err(role::linked_authorization_failed(client, object, scope, (action, linked)))
}
