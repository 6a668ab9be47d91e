//! GET all groups of a resource group, without instance views.

use axum::{
    extract::{Path, Query, State},
    http::Uri,
    response::Response,
};
use wharf_store::Filter;

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
    let key = app.resource_group(&subscription, &resource_group)?;
    let wanted = key.clone();
    if app.read(move |store| store.resource_group(&wanted)).await?.is_none() {
        return Err(wharf_arm::error::resource_group_not_found(&key).into());
    }
    let filter = Filter::ResourceGroup(key);
    Ok(page(&app, filter, &params, (&base, uri.path()), version).await?)
}
