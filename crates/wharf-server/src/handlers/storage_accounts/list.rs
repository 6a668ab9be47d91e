//! GET the accounts of a resource group or of the subscription.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_arm::storage::STORAGE_ACCOUNT;
use wharf_model::Name;
use wharf_store::ResourceFilter;

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
    let scope = path.scope(&app).await?;
    let filter = ResourceFilter { scope, kind: Some(Name::from(STORAGE_ACCOUNT)) };
    let accounts = app.read(move |store| store.list_resources(&filter)).await?;
    let documents: Vec<Value> =
        accounts.iter().map(|account| super::document(account, &base)).collect();
    Ok(Json(wharf_arm::list::page(&documents, None)))
}
