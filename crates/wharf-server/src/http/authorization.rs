//! The routes of access itself: roles and their assignments at any scope, principals, and the log
//! of what was asked for.

use axum::routing::{get, post, put};

use super::table::Routes;
use crate::handlers::{
    activity_log, environment, permissions, principals, role_assignments, role_definitions,
    user_assigned_identities as identities,
};

/// Where roles are assigned: a subscription, a resource group, a resource, a part of one. The
/// handlers read the scope from the path, whatever its parts are called here.
const SCOPES: &[&str] = &[
    "/subscriptions/{subscription}",
    "/subscriptions/{subscription}/resourceGroups/{resource_group}",
    "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/{namespace}/{type}/{name}",
    "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/{namespace}/{type}/{name}/{part}/{part_name}",
];

pub(super) fn routes() -> Routes {
    let mut router = Routes::new()
        .route("/providers/Microsoft.Authorization/roleDefinitions", get(role_definitions::list::handle))
        .route(
            "/providers/Microsoft.Authorization/roleDefinitions/{name}",
            get(role_definitions::get::handle),
        )
        .route(
            "/subscriptions/{subscription}/providers/Microsoft.Insights/eventtypes/management/values",
            get(activity_log::handle),
        )
        .route("/wharf/v1/environment", get(environment::handle))
        .route("/wharf/v1/identity/rotateKeys", post(principals::rotate_keys::handle))
        .route(
            "/wharf/v1/identity/{collection}",
            get(principals::list::handle).post(principals::create::handle),
        )
        .route(
            "/wharf/v1/identity/{collection}/{login}",
            get(principals::get::handle).delete(principals::delete::handle),
        )
        .route(
            "/wharf/v1/identity/{collection}/{login}/resetSecret",
            post(principals::reset_secret::handle),
        );
    let group = "/subscriptions/{subscription}/resourceGroups/{resource_group}";
    for scope in ["/subscriptions/{subscription}", group] {
        let path = format!("{scope}/providers/Microsoft.ManagedIdentity/userAssignedIdentities");
        router = router.route(&path, get(identities::list::handle));
    }
    router = router.route(
        &format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{{resource}}"),
        get(identities::get::handle)
            .put(identities::create_or_update::handle)
            .patch(identities::create_or_update::handle)
            .delete(identities::delete::handle),
    );
    for scope in SCOPES {
        let below = |rest: &str| format!("{scope}/providers/Microsoft.Authorization/{rest}");
        router = router
            .route(&below("permissions"), get(permissions::handle))
            .route(&below("roleAssignments"), get(role_assignments::list::handle))
            .route(
                &below("roleAssignments/{name}"),
                put(role_assignments::create::handle)
                    .get(role_assignments::get::handle)
                    .delete(role_assignments::delete::handle),
            )
            .route(&below("roleDefinitions"), get(role_definitions::list::handle))
            .route(
                &below("roleDefinitions/{name}"),
                put(role_definitions::create_or_update::handle)
                    .get(role_definitions::get::handle)
                    .delete(role_definitions::delete::handle),
            );
    }
    router
}
