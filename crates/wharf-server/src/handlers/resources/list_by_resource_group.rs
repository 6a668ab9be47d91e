//! GET all resources of a resource group.

use axum::{
    extract::{Path, Query, State},
    http::Uri,
    response::Response,
};

use super::{Params, page};
use crate::{
    app::App,
    http::{ApiResult, Base, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path((subscription, resource_group)): Path<(String, String)>,
    _: ResourcesVersion,
    Query(params): Query<Params>,
    base: Base,
    uri: Uri,
) -> ApiResult<Response> {
    let scope = app.scope(&subscription, Some(&resource_group)).await?;
    Ok(page(&app, scope, &params, (&base, &uri)).await?)
}
