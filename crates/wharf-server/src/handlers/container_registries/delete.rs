//! DELETE: 200 when it was there, 204 when not. Its images go with it; what groups have pulled stays.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};

use super::AtRegistry;
use crate::{
    app::App,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtRegistry,
    _: ResourcesVersion,
) -> ApiResult<StatusCode> {
    let key = path.key(&app)?;
    if app.resource(&key).await?.is_none() {
        return Ok(StatusCode::NO_CONTENT);
    }
    app.read(move |store| store.delete_resource(&key)).await?;
    app.registries.sweep().await?;
    Ok(StatusCode::OK)
}
