//! DELETE: 200 when it was there, 204 when not. Its principal and role assignments go with it,
//! as with everything that is deleted.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use wharf_arm::managed_identity::USER_ASSIGNED;

use crate::{
    app::App,
    http::{ApiResult, AtResource, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
) -> ApiResult<StatusCode> {
    let key = path.key(&app, USER_ASSIGNED)?;
    let deleted = app.read(move |store| store.delete_resource(&key)).await?;
    Ok(if deleted.is_some() { StatusCode::OK } else { StatusCode::NO_CONTENT })
}
