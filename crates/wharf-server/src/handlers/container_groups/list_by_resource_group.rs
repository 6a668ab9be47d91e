//! GET all groups of a resource group, without instance views.

use axum::{
    extract::{Path, Query, State},
    http::Uri,
    response::Response,
};

use super::page::{Params, page};
use crate::{
    app::App,
    http::{ApiResult, Base, Version},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path((subscription, resource_group)): Path<(String, String)>,
    Version(version): Version,
    Query(params): Query<Params>,
    base: Base,
    uri: Uri,
) -> ApiResult<Response> {
    let scope = app.scope(&subscription, Some(&resource_group)).await?;
    Ok(page(&app, scope, &params, (&base, uri.path()), version).await?)
}
