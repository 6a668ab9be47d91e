//! DELETE: 200 with what was there, 204 when nothing was.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, Uri},
    response::{IntoResponse as _, Response},
};

use crate::{
    app::App,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    uri: Uri,
    _: ResourcesVersion,
) -> ApiResult<Response> {
    let (scope, name) = wharf_arm::role::split_path(uri.path());
    let id = wharf_arm::role::parse_name(name.unwrap_or_default())?;
    let scope = scope.to_owned();
    let renderer = app.clone();
    let deleted = app
        .read(move |store| {
            // Who may delete at one scope must not reach an assignment at another by its name.
            let known = store.role_assignment(id)?;
            if known.is_none_or(|known| !known.scope.eq_ignore_ascii_case(&scope)) {
                return Ok(None);
            }
            let deleted = store.delete_role_assignment(id)?;
            deleted.map(|deleted| super::render(&renderer, store, &deleted)).transpose()
        })
        .await?;
    Ok(match deleted {
        Some(document) => Json(document).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}
