//! GET all profiles of a resource group.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use wharf_arm::profile::PROFILE;

use crate::{
    app::App,
    http::{ApiResult, Version},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path((subscription, resource_group)): Path<(String, String)>,
    Version(version): Version,
) -> ApiResult<Response> {
    wharf_arm::profile::check_version(version)?;
    let found = app.list((&subscription, Some(&resource_group)), PROFILE).await?;
    let documents: Result<Vec<_>, _> =
        found.iter().map(|resource| super::latest(resource, version)).collect();
    Ok(Json(wharf_arm::list::page(&documents?, None)).into_response())
}
