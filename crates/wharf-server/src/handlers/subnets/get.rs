//! GET a subnet.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;

use crate::{
    app::App,
    http::{ApiResult, AtResource, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let key = super::key(&app, &path)?;
    let network = app.resource(&key).await?.ok_or_else(|| super::not_found(&key, &path))?;
    Ok(Json(super::document(&network, &path)?))
}
