//! HEAD: 204 when the resource group is there, 404 when not.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};

use super::AtResourceGroup;
use crate::{
    app::App,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path((subscription, name)): AtResourceGroup,
    _: ResourcesVersion,
) -> ApiResult<StatusCode> {
    let key = app.resource_group(&subscription, &name)?;
    let found = app.read(move |store| store.resource_group(&key)).await?;
    Ok(if found.is_some() { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND })
}
