//! GET an assignment.

use axum::{Json, extract::State, http::Uri};
use serde_json::Value;

use crate::{
    app::App,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    uri: Uri,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let (scope, name) = wharf_arm::role::split_path(uri.path());
    let name = name.unwrap_or_default();
    let (id, scope) = (wharf_arm::role::parse_name(name)?, scope.to_owned());
    let renderer = app.clone();
    let document = app
        .read(move |store| {
            let found = store.role_assignment(id)?;
            let found = found.filter(|found| found.scope.eq_ignore_ascii_case(&scope));
            found.map(|found| super::render(&renderer, store, &found)).transpose()
        })
        .await?;
    Ok(Json(document.ok_or_else(|| super::not_found(name))?))
}
