//! DELETE: 200 when it was there, 204 when not. Its principal and role assignments go with it,
//! as with everything that is deleted.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};

use super::AtIdentity;
use crate::{
    app::App,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtIdentity,
    _: ResourcesVersion,
) -> ApiResult<StatusCode> {
    let key = super::key(&app, path)?;
    let deleted = app.read(move |store| store.delete_resource(&key)).await?;
    Ok(if deleted.is_some() { StatusCode::OK } else { StatusCode::NO_CONTENT })
}
