//! PATCH: tags are replaced as a whole; the revision stays.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use wharf_store::ResourceContent;

use super::AtProfile;
use crate::{
    app::{App, accept_failed},
    http::{ApiResult, Body, Version},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtProfile,
    Version(version): Version,
    Body(body): Body,
) -> ApiResult<Response> {
    wharf_arm::profile::check_version(version)?;
    let key = path.key(&app)?;
    let tags = wharf_arm::container_group::parse_patch(&body)?;
    let now = app.clock.now();
    let (stored, _) = app
        .blocking(move |store| {
            store.change_resource(now, &key, |current| {
                let current = current.ok_or_else(|| wharf_arm::error::resource_not_found(&key))?;
                Ok(tags.map(|tags| ResourceContent { tags, ..current.content.clone() }))
            })
        })
        .await?
        .map_err(accept_failed)?;
    Ok(Json(super::latest(&stored, version)?).into_response())
}
