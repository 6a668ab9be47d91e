//! GET what the caller may do at a scope.

use axum::{Extension, Json, extract::State, http::Uri};
use serde_json::{Value, json};
use wharf_model::access::{Permission, covers};

use crate::{
    app::App,
    auth::Caller,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let scope = wharf_arm::role::split_path(uri.path()).0;
    let permissions: Vec<Permission> = match caller.principal_id() {
        None => vec![Permission { actions: vec!["*".to_owned()], ..Permission::default() }],
        Some(principal) => {
            let grants = app.grants(principal).await?.0.into_iter();
            let here = grants.filter(|(at, _)| covers(at, scope));
            here.flat_map(|(_, role)| role.permissions).collect()
        }
    };
    let documents: Vec<Value> =
        permissions.iter().map(wharf_arm::role::render_permission).collect();
    Ok(Json(json!({ "value": documents })))
}
