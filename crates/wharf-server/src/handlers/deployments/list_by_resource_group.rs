//! GET all deployments of a resource group, the latest first.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use wharf_arm::template::DEPLOYMENT;

use crate::{
    app::App,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path((subscription, resource_group)): Path<(String, String)>,
    _: ResourcesVersion,
) -> ApiResult<Response> {
    let mut found = app.list((&subscription, Some(&resource_group)), DEPLOYMENT).await?;
    found.sort_by_key(|resource| std::cmp::Reverse(resource.changed_at));
    let documents: Result<Vec<_>, _> =
        found.iter().map(|resource| super::document(&app, resource)).collect();
    Ok(Json(wharf_arm::list::page(&documents?, None)).into_response())
}
