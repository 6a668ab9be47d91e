//! PUT: 201 for a new share, 200 for one that was there, which is changed.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use wharf_arm::storage::STORAGE_ACCOUNT;
use wharf_arm::storage::share;
use wharf_files::{Change, Created, Settings};

use crate::{
    app::App,
    http::{ApiResult, AtResource, Body, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
    Body(body): Body,
) -> ApiResult<Response> {
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
