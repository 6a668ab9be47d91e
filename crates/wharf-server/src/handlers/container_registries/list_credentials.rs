//! POST: name and passwords of the admin user, if there is one.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_arm::container_registry::{credentials, has_admin};

use super::AtRegistry;
use crate::{
    app::App,
    http::{ApiResult, ResourcesVersion},
    registries::passwords,
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtRegistry,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let registry = path.find(&app).await?;
    let name = registry.key.name.as_str();
    if !has_admin(&super::stored(&registry.content).2) {
        return Err(credentials::not_enabled(name).into());
    }
    Ok(Json(passwords(&registry)?.render(name)))
}
