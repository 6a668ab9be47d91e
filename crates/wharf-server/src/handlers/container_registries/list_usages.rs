//! GET how much a registry takes of the host's disk, which is its only limit.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_arm::container_registry::{self, REGISTRY};

use crate::{
    app::App,
    host,
    http::{ApiResult, AtResource, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let registry = path.find(&app, REGISTRY).await?;
    let name = registry.key.name.as_str().to_ascii_lowercase();
    let size = app.registries.blocking(move |storage| storage.size(&name)).await?;
    let (_, limit) = host::disk(&app.settings.data_dir)?;
    Ok(Json(container_registry::usages(size, limit)))
}
