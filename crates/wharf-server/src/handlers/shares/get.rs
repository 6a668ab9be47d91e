//! GET a share or a snapshot of it; with `$expand=stats` also what a share's files occupy.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::HeaderMap,
};
use serde_json::Value;
use wharf_arm::storage::STORAGE_ACCOUNT;

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
    headers: HeaderMap,
) -> ApiResult<Json<Value>> {
    let account = path.find(&app, STORAGE_ACCOUNT).await?;
    let (owner, name) = (account.key.name.as_str().to_owned(), path.part().as_str().to_owned());
    let (snapshot, has_stats) = (super::snapshot(&headers)?, expand.has("stats"));
    let (found, used) = app
        .files
        .blocking(move |shares| {
            if let Some(snapshot) = snapshot {
                return Ok((shares.show_snapshot(&owner, &name, &snapshot)?, None));
            }
            let found = shares.show(&owner, &name)?;
            let used = has_stats.then(|| shares.usage(&owner, &name)).transpose()?;
            Ok((found, used))
        })
        .await?;
    Ok(Json(super::document(&account, &found, used)))
}
