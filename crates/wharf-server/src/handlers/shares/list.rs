//! GET the shares of an account.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_arm::storage::STORAGE_ACCOUNT;
use wharf_files::Query;

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
    let owner = account.key.name.as_str().to_owned();
    let all = app.files.blocking(move |shares| shares.list(&owner, &Query::default())).await?;
    let documents: Vec<Value> =
        all.shares.iter().map(|share| super::document(&account, share, None)).collect();
    Ok(Json(wharf_arm::list::page(&documents, None)))
}
