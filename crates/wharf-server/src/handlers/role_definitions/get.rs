//! GET a role.

use axum::{Json, extract::State, http::Uri};
use serde_json::Value;

use crate::{
    app::App,
    handlers::role_assignments::all_roles,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    uri: Uri,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let name = wharf_arm::role::split_path(uri.path()).1.unwrap_or_default();
    let id = wharf_arm::role::parse_name(name)?;
    let roles = app.read(all_roles).await?;
    let role = roles.iter().find(|role| role.id == id).ok_or_else(|| super::not_found(name))?;
    Ok(Json(wharf_arm::role::render_definition(role, app.settings.subscription.as_str())))
}
