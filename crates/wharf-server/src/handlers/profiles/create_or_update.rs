//! PUT: 201 with revision 1, 200 with the next revision when something has changed.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use wharf_arm::profile::{self, Bodies, Profile};
use wharf_model::Error;
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
    let key = path.key(&app)?;
    profile::check_version(version)?;
    let parsed = profile::parse(&body, &key, version)?;
    let now = app.clock.now();
    let (stored, is_new) = app
        .blocking(move |store| {
            store.change_resource(now, &key, |current| {
                let known = current.map(super::record).transpose()?;
                let mut profile = known.unwrap_or_else(Profile::default);
                let bodies = current.map_or_else(Bodies::new, super::bodies);
                let bodies = profile.revise(&parsed, bodies);
                let unwritable = |error: serde_json::Error| Error::internal(error.to_string());
                Ok(Some(ResourceContent {
                    location: parsed.location,
                    tags: parsed.tags,
                    document: serde_json::to_string(&profile).map_err(unwritable)?,
                    secret: Some(serde_json::to_vec(&bodies).map_err(unwritable)?),
                }))
            })
        })
        .await?
        .map_err(accept_failed)?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(super::latest(&stored, version)?)).into_response())
}
