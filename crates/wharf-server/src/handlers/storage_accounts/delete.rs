//! DELETE: 200 when it was there, 204 when not; refused while a running group has a share of it
//! mounted. Its shares go with it.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use wharf_arm::storage::STORAGE_ACCOUNT;

use crate::{
    app::App,
    handlers::shares::check_unused,
    http::{ApiResult, AtResource, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
) -> ApiResult<StatusCode> {
    let key = path.key(&app, STORAGE_ACCOUNT)?;
    let Some(account) = app.resource(&key).await? else { return Ok(StatusCode::NO_CONTENT) };
    check_unused(&app, &account, None).await?;
    app.read(move |store| store.delete_resource(&key)).await?;
    app.sweep().await?;
    Ok(StatusCode::OK)
}
