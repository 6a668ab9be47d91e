//! PUT: 201 for a new assignment, 200 for one that was there.

use axum::{
    Extension, Json,
    extract::State,
    http::{StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use wharf_model::{Error, ErrorKind, access::RoleAssignment};

use crate::{
    app::{App, accept_failed},
    auth::Caller,
    http::{ApiResult, Body, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    _: ResourcesVersion,
    Body(body): Body,
) -> ApiResult<Response> {
    let (scope, name) = wharf_arm::role::split_path(uri.path());
    let id = wharf_arm::role::parse_name(name.unwrap_or_default())?;
    let new = wharf_arm::role::parse_assignment(&body)?;
    let assignment = RoleAssignment {
        id,
        principal: new.principal,
        role: new.role,
        scope: scope.to_owned(),
        description: new.description,
        created_at: app.clock.now(),
        created_by: caller.principal_id(),
    };
    let (stored, is_new) = assign(&app, assignment).await?;
    let renderer = app.clone();
    let document = app.read(move |store| super::render(&renderer, store, &stored)).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(document)).into_response())
}

/// Checks and stores an assignment; returns what is there and whether it is new.
pub(crate) async fn assign(
    app: &App,
    new: RoleAssignment,
) -> Result<(RoleAssignment, bool), Error> {
    let tenant = app.settings.tenant.clone();
    app.blocking(move |store| {
        let failed = |error| crate::app::store_failed(&error);
        let roles = super::all_roles(store).map_err(failed)?;
        let role = roles.iter().find(|role| role.id == new.role).ok_or_else(|| {
            let message =
                format!("The specified role definition with ID '{}' does not exist.", new.role);
            Error::new(ErrorKind::NotFound, "RoleDefinitionDoesNotExist", message)
        })?;
        let is_assignable = |at: &String| wharf_model::access::covers(at, &new.scope);
        if !role.assignable_scopes.iter().any(is_assignable) {
            let message =
                format!("The role '{}' cannot be assigned at '{}'.", role.name, new.scope);
            return Err(Error::invalid("InvalidRoleAssignmentScope", message, "scope"));
        }
        if store.principal(new.principal).map_err(failed)?.is_none() {
            let message = format!(
                "Principal {} does not exist in the directory {tenant}.",
                new.principal.simple()
            );
            return Err(Error::invalid("PrincipalNotFound", message, "properties.principalId"));
        }
        store.add_role_assignment(&new).map_err(accept_failed)
    })
    .await?
}
