//! GET the shares of an account; with `$expand=snapshots` also those.

use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde_json::Value;
use wharf_arm::storage::STORAGE_ACCOUNT;
use wharf_files as files;

use super::Expand;
use crate::{
    app::App,
    http::{ApiResult, AtResource, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
    Query(expand): Query<Expand>,
) -> ApiResult<Json<Value>> {
    let account = path.find(&app, STORAGE_ACCOUNT).await?;
    let owner = account.key.name.as_str().to_owned();
    let query = files::Query { snapshots: expand.has("snapshots"), ..files::Query::default() };
    let all = app.files.blocking(move |shares| shares.list(&owner, &query)).await?;
    let documents: Vec<Value> =
        all.shares.iter().map(|share| super::document(&account, share, None)).collect();
    Ok(Json(wharf_arm::list::page(&documents, None)))
}
