//! GET the registries of a resource group or of the subscription.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_arm::container_registry::REGISTRY;

use crate::{
    app::App,
    http::{ApiResult, AtResource, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let found = path.list(&app, REGISTRY).await?;
    let documents: Vec<Value> = found.iter().map(|one| super::document(&app, one)).collect();
    Ok(Json(wharf_arm::list::page(&documents, None)))
}
