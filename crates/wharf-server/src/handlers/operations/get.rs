//! GET the state of an operation: 200 while it runs and after (operations.md A.4).

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};
use wharf_model::{Error, ErrorKind, OperationId, operation::OperationState};

use crate::{
    app::App,
    handlers::container_groups::retry_hint,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path((subscription, _location, operation)): Path<(String, String, String)>,
    _: ResourcesVersion,
    headers: HeaderMap,
) -> ApiResult<Response> {
    app.subscription(&subscription)?;
    let not_found = || {
        let message = format!("The operation '{operation}' was not found.");
        Error::new(ErrorKind::NotFound, "OperationNotFound", message)
    };
    let id = OperationId(operation.parse().map_err(|_| not_found())?);
    let found = app.read(move |store| store.operation(&id)).await?.ok_or_else(not_found)?;
    let group = found.group.clone();
    let events = app.read(move |store| store.events(&group)).await?;
    let body = Json(wharf_arm::operation::render(&found, &events));
    if found.state == OperationState::Running {
        return Ok((retry_hint(headers.get(header::USER_AGENT)), body).into_response());
    }
    Ok(body.into_response())
}
