//! GET a registry.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;

use super::AtRegistry;
use crate::{
    app::App,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtRegistry,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let registry = path.find(&app).await?;
    Ok(Json(super::document(&app, &registry)))
}
