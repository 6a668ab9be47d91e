//! GET the state of a deployment's operation: what clients poll.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use wharf_model::{Error, ErrorKind};

use super::DeploymentPath;
use crate::{
    app::App,
    handlers::container_groups::retry_hint,
    http::{ApiResult, ResourcesVersion},
};

#[derive(Debug, Deserialize)]
pub(crate) struct OperationPath {
    subscription: String,
    resource_group: String,
    deployment: String,
    operation: String,
}

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): Path<OperationPath>,
    _: ResourcesVersion,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let OperationPath { subscription, resource_group, deployment, operation } = path;
    let path = DeploymentPath { subscription, resource_group, deployment };
    let (_, record) = super::find(&app, &path.key(&app)?).await?;
    if record.operation.to_string() != operation.to_ascii_lowercase() {
        let message = format!("The operation '{operation}' was not found.");
        return Err(Error::new(ErrorKind::NotFound, "OperationNotFound", message).into());
    }
    let body = Json(wharf_arm::deployment::render_status(&record));
    if record.state.is_final() {
        return Ok(body.into_response());
    }
    Ok((retry_hint(headers.get(header::USER_AGENT)), body).into_response())
}
