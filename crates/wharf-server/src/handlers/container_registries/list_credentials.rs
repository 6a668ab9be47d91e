//! POST: name and passwords of the admin user, if there is one.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_arm::container_registry::REGISTRY;
use wharf_arm::container_registry::{
    credentials::{self, Passwords},
    has_admin,
};

use crate::{
    app::{App, secret},
    http::{ApiResult, AtResource, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let registry = path.find(&app, REGISTRY).await?;
    let name = registry.key.name.as_str();
    if !has_admin(&super::stored(&registry.content).2) {
        return Err(credentials::not_enabled(name).into());
    }
    Ok(Json(secret::<Passwords>(&registry)?.render(name)))
}
