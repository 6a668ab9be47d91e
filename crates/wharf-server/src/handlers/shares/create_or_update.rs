//! PUT: 201 for a new share, 200 for one that was there, which is changed. With `$expand=snapshots`
//! a snapshot is made of it.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::Value;
use wharf_arm::storage::{STORAGE_ACCOUNT, share};
use wharf_files::{Change, Created, Settings, Shares};

use super::Expand;
use crate::{
    app::App,
    http::{ApiResult, AtResource, Body, ResourcePath, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
    Query(expand): Query<Expand>,
    Body(body): Body,
) -> ApiResult<Response> {
    if expand.has("snapshots") {
        return create_snapshot(&app, &path, &body).await;
    }
    // An account that is being deleted gets no more shares.
    let _held = app.hold().await;
    let account = path.find(&app, STORAGE_ACCOUNT).await?;
    let parsed = share::parse(&body)?;
    let tier = super::tier(&parsed)?;
    let name = path.part().as_str().to_owned();
    let owner = account.key.name.as_str().to_owned();
    let (found, is_new) = app
        .files
        .blocking(move |shares| {
            let usual = Settings::default();
            let settings = Settings {
                quota: parsed.quota.unwrap_or(usual.quota),
                metadata: parsed.metadata.clone().unwrap_or_default(),
                access_tier: tier.unwrap_or_default(),
                ..usual
            };
            match shares.create(&owner, &name, settings)? {
                Created::New(share) => Ok((share, true)),
                Created::AlreadyThere(_) => {
                    let (quota, metadata) = (parsed.quota, parsed.metadata);
                    let change = Change { quota, metadata, access_tier: tier, policies: None };
                    Ok((shares.update(&owner, &name, change)?, false))
                }
            }
        })
        .await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(super::document(&account, &found, None))).into_response())
}

/// Nothing is held meanwhile: copying a share can take long.
async fn create_snapshot(app: &App, path: &ResourcePath, body: &Value) -> ApiResult<Response> {
    let account = path.find(app, STORAGE_ACCOUNT).await?;
    let metadata = share::parse(body)?.metadata.filter(|metadata| !metadata.is_empty());
    let (owner, name) = (account.key.name.as_str().to_owned(), path.part().as_str().to_owned());
    let work = move |shares: &Shares| shares.create_snapshot(&owner, &name, metadata);
    let snapshot = app.files.blocking(work).await?;
    let document = super::document(&account, &snapshot, None);
    Ok((StatusCode::CREATED, Json(document)).into_response())
}
