//! GET an identity.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;

use super::AtIdentity;
use crate::{
    app::App,
    handlers::container_groups::identity::managed,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtIdentity,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let key = super::key(&app, path)?;
    let wanted = key.clone();
    let resource = app.read(move |store| store.resource(&wanted)).await?;
    let resource = resource.ok_or_else(|| super::not_found(&key))?;
    let principal = managed(&app, &super::id(&resource.key), resource.key.name.as_str()).await?;
    Ok(Json(super::document(&app, &resource, &principal)))
}
