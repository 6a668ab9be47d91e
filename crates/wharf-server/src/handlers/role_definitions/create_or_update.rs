//! PUT: makes or replaces a custom role.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use wharf_model::{Error, ErrorKind};

use crate::{
    app::App,
    handlers::role_assignments::all_roles,
    http::{ApiResult, Body, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    uri: Uri,
    _: ResourcesVersion,
    Body(body): Body,
) -> ApiResult<Response> {
    let (scope, name) = wharf_arm::role::split_path(uri.path());
    let id = wharf_arm::role::parse_name(name.unwrap_or_default())?;
    let role = wharf_arm::role::parse_definition(id, scope, &body)?;
    let subscription = format!("/subscriptions/{}", app.settings.subscription);
    for at in &role.assignable_scopes {
        if !wharf_model::access::covers(&subscription, at) {
            let message = format!("The scope '{at}' is not in the subscription.");
            let target = "properties.assignableScopes";
            return Err(Error::invalid("InvalidAssignableScope", message, target).into());
        }
    }
    let known = app.read(all_roles).await?;
    if known.iter().any(|known| known.id == id && known.is_built_in) {
        return Err(super::built_in_is_fixed().into());
    }
    let namesake = |known: &&wharf_model::access::Role| {
        known.id != id && known.name.eq_ignore_ascii_case(&role.name)
    };
    if known.iter().find(namesake).is_some() {
        let message = format!("A role with the name '{}' exists already.", role.name);
        let code = "RoleDefinitionWithSameNameExists";
        return Err(Error::new(ErrorKind::Conflict, code, message).into());
    }
    let document = wharf_arm::role::render_definition(&role, app.settings.subscription.as_str());
    app.read(move |store| store.put_role(&role)).await?;
    Ok((StatusCode::CREATED, Json(document)).into_response())
}
