//! GET a profile in one of its revisions.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;

use super::ProfilePath;
use crate::{
    app::App,
    http::{ApiResult, Version},
};

#[derive(Debug, Deserialize)]
pub(crate) struct RevisionPath {
    subscription: String,
    resource_group: String,
    profile: String,
    revision: String,
}

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): Path<RevisionPath>,
    Version(version): Version,
) -> ApiResult<Response> {
    wharf_arm::profile::check_version(version)?;
    let RevisionPath { subscription, resource_group, profile, revision } = path;
    let key = ProfilePath { subscription, resource_group, profile }.key(&app)?;
    let (found, record) = super::find(&app, &key).await?;
    let number = revision.parse().ok();
    let known = number.and_then(|number| record.revision(Some(number)));
    let known = known.ok_or_else(|| wharf_arm::profile::revision_not_found(&key, &revision))?;
    Ok(Json(super::document(&found, &record, known, version)).into_response())
}
