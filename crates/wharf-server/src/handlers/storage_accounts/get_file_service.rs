//! GET the file service of an account. It cannot be changed.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_arm::storage::STORAGE_ACCOUNT;

use crate::{
    app::App,
    http::{ApiResult, AtResource, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let account = path.find(&app, STORAGE_ACCOUNT).await?;
    Ok(Json(wharf_arm::storage::file_service(&account.key)))
}
