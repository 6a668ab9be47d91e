//! GET the file service of an account. It cannot be changed.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;

use super::AtAccount;
use crate::{
    app::App,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtAccount,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let account = path.find(&app).await?;
    Ok(Json(wharf_arm::storage::file_service(&account.key)))
}
