//! PUT: 201 for a new rule, 200 for one that was there.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use wharf_arm::network::security_rule;

use crate::{
    app::App,
    handlers::security_groups,
    http::{ApiResult, AtResource, Body, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
    Body(body): Body,
) -> ApiResult<Response> {
    let (key, name) = (security_groups::key(&app, &path)?, path.part());
    let rule = security_rule::parse_body(&body, &name)?;
    let (stored, is_new) = super::change(&app, key, |group| group.put_rule(rule)).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(super::document(&stored, &name)?)).into_response())
}
