//! GET a security group.

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
    let found = app.found(&super::key(&app, &path)?).await?;
    Ok(Json(super::document(&app, &found).await?))
}
