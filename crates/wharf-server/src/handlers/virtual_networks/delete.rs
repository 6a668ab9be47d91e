//! DELETE: 200 when it was there, 204 when not; refused while a group is in it.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};

use crate::{
    app::{App, accept_failed},
    http::{ApiResult, AtResource, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
) -> ApiResult<StatusCode> {
    let key = super::key(&app, &path)?;
    let deleted = app.blocking(move |store| store.delete_virtual_network(&key)).await?;
    let was_there = deleted.map_err(accept_failed)?.is_some();
    Ok(if was_there { StatusCode::OK } else { StatusCode::NO_CONTENT })
}
