//! DELETE a custom role that nobody has: 200 with what was there, 204 when nothing was.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, Uri},
    response::{IntoResponse as _, Response},
};

use crate::{
    app::{App, accept_failed},
    handlers::role_assignments::all_roles,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    uri: Uri,
    _: ResourcesVersion,
) -> ApiResult<Response> {
    let name = wharf_arm::role::split_path(uri.path()).1.unwrap_or_default();
    let id = wharf_arm::role::parse_name(name)?;
    let roles = app.read(all_roles).await?;
    let Some(role) = roles.iter().find(|role| role.id == id) else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    if role.is_built_in {
        return Err(super::built_in_is_fixed().into());
    }
    app.blocking(move |store| store.delete_role(id)).await?.map_err(accept_failed)?;
    let subscription = app.settings.subscription.as_str();
    Ok(Json(wharf_arm::role::render_definition(role, subscription)).into_response())
}
