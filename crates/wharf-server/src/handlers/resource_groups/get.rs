//! GET a resource group.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
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
) -> ApiResult<Response> {
    let key = app.resource_group(&subscription, &name)?;
    let wanted = key.clone();
    let found = app
        .read(move |store| store.resource_group(&wanted))
        .await?
        .ok_or_else(|| wharf_arm::error::resource_group_not_found(&key))?;
    Ok(Json(super::document(&found)).into_response())
}
