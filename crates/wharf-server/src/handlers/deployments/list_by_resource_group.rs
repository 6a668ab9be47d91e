//! GET all deployments of a resource group, the latest first.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use wharf_arm::template::DEPLOYMENT;
use wharf_model::Name;
use wharf_store::{Filter, ResourceFilter};

use crate::{
    app::App,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path((subscription, resource_group)): Path<(String, String)>,
    _: ResourcesVersion,
) -> ApiResult<Response> {
    let key = app.resource_group(&subscription, &resource_group)?;
    let wanted = key.clone();
    if app.read(move |store| store.resource_group(&wanted)).await?.is_none() {
        return Err(wharf_arm::error::resource_group_not_found(&key).into());
    }
    let filter =
        ResourceFilter { scope: Filter::ResourceGroup(key), kind: Some(Name::from(DEPLOYMENT)) };
    let mut found = app.read(move |store| store.list_resources(&filter)).await?;
    found.sort_by_key(|resource| std::cmp::Reverse(resource.changed_at));
    let documents: Result<Vec<_>, _> =
        found.iter().map(|resource| super::document(&app, resource)).collect();
    Ok(Json(wharf_arm::list::page(&documents?, None)).into_response())
}
