//! POST: whether the name of a registry can be had.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_arm::container_registry::{self, REGISTRY};

use super::AtRegistry;
use crate::{
    app::App,
    http::{ApiResult, Body, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtRegistry,
    _: ResourcesVersion,
    Body(body): Body,
) -> ApiResult<Json<Value>> {
    app.subscription(&path.subscription)?;
    let name = container_registry::asked_name(&body)?;
    let wanted = name.clone();
    let found = app.read(move |store| store.unique_resource(REGISTRY, &wanted)).await?;
    Ok(Json(container_registry::availability(&name, found.is_some())))
}
