//! GET an identity.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_arm::managed_identity::USER_ASSIGNED;

use crate::{
    app::App,
    handlers::container_groups::identity::managed,
    http::{ApiResult, AtResource, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let resource = path.find(&app, USER_ASSIGNED).await?;
    let principal = managed(&app, &super::id(&resource.key), resource.key.name.as_str()).await?;
    Ok(Json(super::document(&app, &resource, &principal)))
}
