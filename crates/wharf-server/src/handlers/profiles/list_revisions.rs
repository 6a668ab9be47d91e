//! GET all revisions of a profile, the oldest first.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};

use super::AtProfile;
use crate::{
    app::App,
    http::{ApiResult, Version},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtProfile,
    Version(version): Version,
) -> ApiResult<Response> {
    wharf_arm::profile::check_version(version)?;
    let (found, record) = super::find(&app, &path.key(&app)?).await?;
    let documents: Vec<_> = record
        .revisions
        .iter()
        .map(|revision| super::document(&found, &record, revision, version))
        .collect();
    Ok(Json(wharf_arm::list::page(&documents, None)).into_response())
}
