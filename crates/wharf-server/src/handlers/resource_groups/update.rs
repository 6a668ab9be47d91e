//! PATCH: tags are replaced as a whole.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};

use super::AtResourceGroup;
use crate::{
    app::{App, accept_failed},
    http::{ApiResult, Body, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path((subscription, name)): AtResourceGroup,
    _: ResourcesVersion,
    Body(body): Body,
) -> ApiResult<Response> {
    let key = app.resource_group(&subscription, &name)?;
    let parsed = wharf_arm::resource_group::parse(&body)?;
    let wanted = key.clone();
    let known = app
        .read(move |store| store.resource_group(&wanted))
        .await?
        .ok_or_else(|| wharf_arm::error::resource_group_not_found(&key))?;
    let (now, tags) = (app.clock.now(), parsed.tags.unwrap_or_else(|| known.tags.clone()));
    let (stored, _) = app
        .blocking(move |store| store.put_resource_group(now, &known.key, &known.location, &tags))
        .await?
        .map_err(accept_failed)?;
    Ok(Json(super::document(&stored)).into_response())
}
