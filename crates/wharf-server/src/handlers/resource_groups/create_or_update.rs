//! PUT: 201 for a new resource group, 200 for one that was there.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use wharf_model::Error;

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
    wharf_arm::resource_group::check_name(&name)?;
    let parsed = wharf_arm::resource_group::parse(&body)?;
    let location = parsed.location.ok_or_else(|| {
        let message = "The location property is required for this definition.";
        Error::invalid("LocationRequired", message, "location")
    })?;
    let tags = parsed.tags.unwrap_or_else(|| "{}".to_owned());
    let now = app.clock.now();
    let (stored, is_new) = app
        .blocking(move |store| store.put_resource_group(now, &key, &location, &tags))
        .await?
        .map_err(accept_failed)?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(super::document(&stored))).into_response())
}
