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
    let key = app.resource_group(&path.subscription, &path.resource_group)?;
    let wanted = key.clone();
    if app.read(move |store| store.resource_group(&wanted)).await?.is_none() {
        return Err(wharf_arm::error::resource_group_not_found(&key).into());
    }
    Ok(StatusCode::NO_CONTENT)
}
