//! DELETE: 200 when it was there, 204 when not; refused while it guards a subnet.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use wharf_arm::network::security_group_in_use;

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
    let deleted = app
        .blocking(move |store| {
            store.delete_security_group(&key, |subnet| security_group_in_use(&key, subnet))
        })
        .await?
        .map_err(accept_failed)?;
    Ok(if deleted.is_some() { StatusCode::OK } else { StatusCode::NO_CONTENT })
}
