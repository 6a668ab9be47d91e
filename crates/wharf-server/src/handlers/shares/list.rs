//! GET the shares of an account.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_files::Query;

use crate::{
    app::App,
    handlers::storage_accounts::AtAccount,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtAccount,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let account = path.find(&app).await?;
    let owner = account.key.name.as_str().to_owned();
    let all = app.files.blocking(move |shares| shares.list(&owner, &Query::default())).await?;
    let documents: Vec<Value> =
        all.shares.iter().map(|share| super::document(&account, share, None)).collect();
    Ok(Json(wharf_arm::list::page(&documents, None)))
}
