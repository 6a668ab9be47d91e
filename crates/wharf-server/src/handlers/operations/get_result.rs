//! GET the result of removing a resource group: 202 while it goes on, 204 when it is gone.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use wharf_model::{Error, ErrorKind};

use crate::{
    app::App,
    handlers::{container_groups::retry_hint, resource_groups},
    http::{ApiResult, Base, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path((subscription, result)): Path<(String, String)>,
    _: ResourcesVersion,
    base: Base,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let name = wharf_arm::operation::removed_resource_group(&result).ok_or_else(|| {
        let message = format!("The operation '{result}' was not found.");
        Error::new(ErrorKind::NotFound, "OperationNotFound", message)
    })?;
    let key = app.resource_group(&subscription, &name)?;
    let wanted = key.clone();
    let found = app.read(move |store| store.resource_group(&wanted)).await?;
    if found.is_none_or(|group| !group.is_deleting) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let mut answer = retry_hint(headers.get(header::USER_AGENT));
    resource_groups::add_location(&mut answer, &base, &key);
    Ok((StatusCode::ACCEPTED, answer).into_response())
}
