//! POST: whether the name of a registry can be had.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_arm::{
    container_registry::{self, REGISTRY},
    name_availability,
};

use crate::{
    app::App,
    http::{ApiResult, AtResource, Body, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
    Body(body): Body,
) -> ApiResult<Json<Value>> {
    app.subscription(&path.subscription)?;
    let name = name_availability::asked(&body)?;
    let wanted = name.clone();
    let found = app.read(move |store| store.unique_resource(REGISTRY, &wanted)).await?;
    Ok(Json(container_registry::availability(&name, found.is_some())))
}
