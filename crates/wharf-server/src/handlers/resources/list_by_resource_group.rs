//! GET all resources of a resource group.

use axum::{
    extract::{Path, Query, State},
    http::Uri,
    response::Response,
};
use wharf_store::Filter;

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
    let key = app.resource_group(&subscription, &resource_group)?;
    let wanted = key.clone();
    if app.read(move |store| store.resource_group(&wanted)).await?.is_none() {
        return Err(wharf_arm::error::resource_group_not_found(&key).into());
    }
    Ok(page(&app, Filter::ResourceGroup(key), &params, (&base, &uri)).await?)
}
