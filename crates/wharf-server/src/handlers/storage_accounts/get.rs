//! GET an account.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;

use super::AtAccount;
use crate::{
    app::App,
    http::{ApiResult, Base, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtAccount,
    _: ResourcesVersion,
    base: Base,
) -> ApiResult<Json<Value>> {
    Ok(Json(super::document(&path.find(&app).await?, &base)))
}
