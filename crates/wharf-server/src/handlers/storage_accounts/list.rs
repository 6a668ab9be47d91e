//! GET the accounts of a resource group or of the subscription.

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
    let accounts = path.list(&app, STORAGE_ACCOUNT).await?;
    let documents: Vec<Value> =
        accounts.iter().map(|account| super::document(account, &base)).collect();
    Ok(Json(wharf_arm::list::page(&documents, None)))
}
