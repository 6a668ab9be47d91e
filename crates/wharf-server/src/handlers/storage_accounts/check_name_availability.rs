//! POST: whether the name of an account can be had.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_arm::storage;

use super::AtAccount;
use crate::{
    app::App,
    http::{ApiResult, Body, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtAccount,
    _: ResourcesVersion,
    Body(body): Body,
) -> ApiResult<Json<Value>> {
    app.subscription(&path.subscription)?;
    let name = storage::asked_name(&body)?;
    let wanted = name.clone();
    let found = app.read(move |store| store.storage_account(&wanted)).await?;
    Ok(Json(storage::availability(&name, found.is_some())))
}
