//! GET the registries of a resource group or of the subscription.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_arm::container_registry::REGISTRY;
use wharf_model::Name;
use wharf_store::ResourceFilter;

use super::AtRegistry;
use crate::{
    app::App,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtRegistry,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let scope = path.scope(&app).await?;
    let filter = ResourceFilter { scope, kind: Some(Name::from(REGISTRY)) };
    let found = app.read(move |store| store.list_resources(&filter)).await?;
    let documents: Vec<Value> = found.iter().map(|one| super::document(&app, one)).collect();
    Ok(Json(wharf_arm::list::page(&documents, None)))
}
