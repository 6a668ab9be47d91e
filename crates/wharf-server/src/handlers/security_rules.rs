//! `Microsoft.Network/networkSecurityGroups/securityRules`, and the default rules beside them.

use serde_json::Value;
use wharf_arm::network::{SECURITY_RULE, security_rule};
use wharf_model::{Error, Name, ResourceKey, network::SecurityGroup};
use wharf_store::Resource;

use super::virtual_networks::{content, etag, read, wake_groups};
use crate::app::{App, accept_failed};

pub(crate) mod create_or_update;
pub(crate) mod default;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;

fn document(resource: &Resource, name: &Name) -> Result<Value, Error> {
    let group = read(resource.security_group())?;
    let rule = group.rule(name).ok_or_else(|| not_found(&resource.key, name))?;
    Ok(security_rule::render(&resource.key, rule, &etag(resource)))
}

fn not_found(group: &ResourceKey, name: &Name) -> Error {
    let mut key = group.clone();
    key.kind = SECURITY_RULE.into();
    key.name = format!("{}/{name}", group.name).as_str().into();
    wharf_arm::error::resource_not_found(&key)
}

/// Changes the rules of a security group that is there; returns it with what `change` says of it.
/// The groups that it guards are looked at afterwards.
async fn change(
    app: &App,
    key: ResourceKey,
    change: impl FnOnce(&mut SecurityGroup) -> bool + Send + 'static,
) -> Result<(Resource, bool), Error> {
    let now = app.clock.now();
    let written = app
        .blocking(move |store| {
            let mut answer = false;
            let written = store.change_resource(now, &key, |current| {
                let current = current.ok_or_else(|| wharf_arm::error::resource_not_found(&key))?;
                let mut group = read(current.security_group())?;
                answer = change(&mut group);
                group.check()?;
                let place = (current.content.location.clone(), current.content.tags.clone());
                content(&group, place).map(Some)
            });
            written.map(|(stored, _)| (stored, answer))
        })
        .await?
        .map_err(accept_failed)?;
    wake_groups(app).await?;
    Ok(written)
}
