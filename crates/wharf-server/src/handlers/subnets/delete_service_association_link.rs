//! DELETE serviceAssociationLinks/default: 204, since Wharf's groups leave no such link.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;

use crate::{
    app::App,
    http::{ApiResult, Version},
};

#[derive(Debug, Deserialize)]
pub(crate) struct LinkPath {
    subscription: String,
    resource_group: String,
}

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): Path<LinkPath>,
    Version(_): Version,
) -> ApiResult<StatusCode> {
    app.scope(&path.subscription, Some(&path.resource_group)).await?;
    Ok(StatusCode::NO_CONTENT)
}
