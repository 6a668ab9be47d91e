//! GET a security group.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;

use crate::{
    app::App,
    handlers::virtual_networks::{AtNetwork, find},
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtNetwork,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let found = find(&app, &super::key(&app, &path)?).await?;
    Ok(Json(super::document(&app, &found).await?))
}
