//! `Microsoft.Network/networkSecurityGroups`.

use serde_json::Value;
use wharf_arm::network::{SECURITY_GROUP, security_group};
use wharf_model::{Error, ResourceKey};
use wharf_store::Resource;

use super::virtual_networks::{about, etag, read};
use crate::app::App;
use crate::http::ResourcePath;

pub(crate) mod create_or_update;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod update_tags;

pub(crate) fn key(app: &App, path: &ResourcePath) -> Result<ResourceKey, Error> {
    path.key(app, SECURITY_GROUP)
}

async fn document(app: &App, resource: &Resource) -> Result<Value, Error> {
    let key = resource.key.clone();
    let subnets = app.read(move |store| store.subnets_guarded_by(&key)).await?;
    let group = read(resource.security_group())?;
    Ok(security_group::render(about(resource, &etag(resource)), &group, &subnets))
}
