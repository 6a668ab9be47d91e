//! DELETE: 200, or 204 when there is none. Groups that were made from it stay.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};

use super::AtProfile;
use crate::{
    app::{App, accept_failed},
    http::{ApiResult, Version},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtProfile,
    Version(version): Version,
) -> ApiResult<StatusCode> {
    let key = path.key(&app)?;
    wharf_arm::profile::check_version(version)?;
    let was_there = app
        .blocking(move |store| store.delete_resource(&key))
        .await?
        .map_err(|error| accept_failed(error.into()))?;
    Ok(if was_there.is_some() { StatusCode::OK } else { StatusCode::NO_CONTENT })
}
