//! GET a share; with `$expand=stats` also what its files occupy.

use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::Deserialize;
use serde_json::Value;
use wharf_arm::storage::STORAGE_ACCOUNT;

use crate::{
    app::App,
    http::{ApiResult, AtResource, ResourcesVersion},
};

#[derive(Debug, Deserialize)]
pub(crate) struct Params {
    #[serde(rename = "$expand", default)]
    expand: String,
}

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
    Query(params): Query<Params>,
) -> ApiResult<Json<Value>> {
    let account = path.find(&app, STORAGE_ACCOUNT).await?;
    let (owner, name) = (account.key.name.as_str().to_owned(), path.part().as_str().to_owned());
    let has_stats = params.expand.eq_ignore_ascii_case("stats");
    let (found, used) = app
        .files
        .blocking(move |shares| {
            let found = shares.show(&owner, &name)?;
            let used = has_stats.then(|| shares.usage(&owner, &name)).transpose()?;
            Ok((found, used))
        })
        .await?;
    Ok(Json(super::document(&account, &found, used)))
}
