//! `Microsoft.Authorization/roleAssignments`, at any scope.

use serde_json::Value;
use wharf_model::{
    Error, ErrorKind,
    access::{PrincipalKind, Role, RoleAssignment},
};
use wharf_store::{Store, StoreError};

use crate::app::App;

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;

fn render(app: &App, store: &Store, assignment: &RoleAssignment) -> Result<Value, StoreError> {
    let principal = store.principal(assignment.principal)?;
    let kind = principal.map_or(PrincipalKind::ServicePrincipal, |principal| principal.kind);
    let subscription = app.settings.subscription.as_str();
    Ok(wharf_arm::role::render_assignment(assignment, kind, subscription))
}

/// Built-in and custom roles.
pub(crate) fn all_roles(store: &Store) -> Result<Vec<Role>, StoreError> {
    let mut roles = wharf_arm::role::built_in();
    roles.extend(store.roles()?);
    Ok(roles)
}

fn not_found(name: &str) -> Error {
    let message = format!("The role assignment '{name}' is not found.");
    Error::new(ErrorKind::NotFound, "RoleAssignmentNotFound", message)
}
