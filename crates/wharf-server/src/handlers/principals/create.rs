//! POST: a new principal with the secret that the client chose.

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use uuid::Uuid;
use wharf_model::{
    Error, ErrorKind,
    access::{Principal, RoleAssignment},
};

use crate::{
    app::App,
    auth::Caller,
    handlers::role_assignments,
    http::{ApiResult, Body},
    identity::secrets,
};

pub(crate) async fn handle(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(collection): Path<String>,
    Body(body): Body,
) -> ApiResult<Response> {
    let kind = super::kind(&collection)?;
    super::check_changeable(kind)?;
    let new = wharf_arm::principal::parse_new(kind, &body)?;
    let now = app.clock.now();
    let principal = Principal {
        id: Uuid::new_v4(),
        kind,
        login: new.user_name.unwrap_or_else(|| Uuid::new_v4().to_string()),
        name: new.name,
        resource: None,
        created_at: now,
        changed_at: now,
    };
    let (secret, added) = (new.secret, principal.clone());
    let is_new = app
        .blocking(move |store| {
            let secret = secrets::hash(&secret)?;
            let added = store.add_principal(&added, Some(&secret));
            added.map_err(|error| crate::app::store_failed(&error))
        })
        .await??;
    if !is_new {
        let message = format!("There is a principal '{}' already.", principal.login);
        return Err(Error::new(ErrorKind::Conflict, "PrincipalExists", message).into());
    }
    if let Some((role, scope)) = new.role {
        let scope =
            scope.unwrap_or_else(|| format!("/subscriptions/{}", app.settings.subscription));
        let assigned = assign(&app, &caller, principal.id, (&role, scope)).await;
        if let Err(error) = assigned {
            // All of what was asked for, or nothing.
            app.read(move |store| store.delete_principal(principal.id)).await?;
            return Err(error.into());
        }
    }
    let document = wharf_arm::principal::render(&principal);
    Ok((StatusCode::CREATED, Json(document)).into_response())
}

/// Gives a principal a role that is named by its name or id.
async fn assign(
    app: &App,
    caller: &Caller,
    principal: Uuid,
    (role, scope): (&str, String),
) -> Result<(), Error> {
    let roles = app.read(role_assignments::all_roles).await?;
    let found = roles.iter().find(|known| {
        known.name.eq_ignore_ascii_case(role) || known.id.to_string().eq_ignore_ascii_case(role)
    });
    let found = found.ok_or_else(|| {
        let known: Vec<&str> = roles.iter().map(|role| role.name.as_str()).collect();
        let message = format!("There is no role '{role}'. The roles are: {}.", known.join(", "));
        Error::invalid("RoleDefinitionDoesNotExist", message, "role")
    })?;
    let subscription = format!("/subscriptions/{}", app.settings.subscription);
    if !wharf_model::access::covers(&subscription, &scope) {
        let message = format!("The scope '{scope}' is not in the subscription.");
        return Err(Error::invalid("InvalidScope", message, "scope"));
    }
    let assignment = RoleAssignment {
        id: Uuid::new_v4(),
        principal,
        role: found.id,
        scope,
        description: None,
        created_at: app.clock.now(),
        created_by: caller.principal_id(),
    };
    role_assignments::create::assign(app, assignment).await.map(|_| ())
}
