//! GET a virtual network.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;

use super::AtNetwork;
use crate::{
    app::App,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtNetwork,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let found = super::find(&app, &super::key(&app, &path)?).await?;
    Ok(Json(super::document(&found)?))
}
