//! DELETE: 200 when it was there, 204 when not. Its images go with it; what groups have pulled stays.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use wharf_arm::container_registry::REGISTRY;

use crate::{
    app::App,
    http::{ApiResult, AtResource, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
) -> ApiResult<StatusCode> {
    let key = path.key(&app, REGISTRY)?;
    if app.resource(&key).await?.is_none() {
        return Ok(StatusCode::NO_CONTENT);
    }
    app.read(move |store| store.delete_resource(&key)).await?;
    app.sweep().await?;
    Ok(StatusCode::OK)
}
