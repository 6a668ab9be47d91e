//! GET all profiles of a resource group.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use wharf_arm::profile::PROFILE;
use wharf_model::Name;
use wharf_store::{Filter, ResourceFilter};

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
    let key = app.resource_group(&subscription, &resource_group)?;
    let wanted = key.clone();
    if app.read(move |store| store.resource_group(&wanted)).await?.is_none() {
        return Err(wharf_arm::error::resource_group_not_found(&key).into());
    }
    let filter =
        ResourceFilter { scope: Filter::ResourceGroup(key), kind: Some(Name::from(PROFILE)) };
    let found = app.read(move |store| store.list_resources(&filter)).await?;
    let documents: Result<Vec<_>, _> =
        found.iter().map(|resource| super::latest(resource, version)).collect();
    Ok(Json(wharf_arm::list::page(&documents?, None)).into_response())
}
