//! GET an account.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_arm::storage::STORAGE_ACCOUNT;

use crate::{
    app::App,
    http::{ApiResult, AtResource, Base, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
    base: Base,
) -> ApiResult<Json<Value>> {
    Ok(Json(super::document(&path.find(&app, STORAGE_ACCOUNT).await?, &base)))
}
