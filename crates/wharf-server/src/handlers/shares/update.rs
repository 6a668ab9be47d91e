//! PATCH: changes what the body names of a share.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_arm::storage::STORAGE_ACCOUNT;
use wharf_arm::storage::share;
use wharf_files::Change;

use crate::{
    app::App,
    http::{ApiResult, AtResource, Body, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
    Body(body): Body,
) -> ApiResult<Json<Value>> {
    let account = path.find(&app, STORAGE_ACCOUNT).await?;
    let parsed = share::parse(&body)?;
    let access_tier = super::tier(&parsed)?;
    let (quota, metadata) = (parsed.quota, parsed.metadata);
    let change = Change { quota, metadata, access_tier, policies: None };
    let (owner, name) = (account.key.name.as_str().to_owned(), path.part().as_str().to_owned());
    let found = app.files.blocking(move |shares| shares.update(&owner, &name, change)).await?;
    Ok(Json(super::document(&account, &found, None)))
}
