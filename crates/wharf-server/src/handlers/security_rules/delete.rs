//! DELETE: 200 when it was there, 204 when not.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};

use crate::{
    app::App,
    handlers::security_groups,
    http::{ApiResult, AtResource, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
) -> ApiResult<StatusCode> {
    let (key, name) = (security_groups::key(&app, &path)?, path.part());
    if app.resource(&key).await?.is_none() {
        return Ok(StatusCode::NO_CONTENT);
    }
    let (_, was_there) = super::change(&app, key, move |group| {
        let count = group.rules.len();
        group.rules.retain(|rule| rule.name != name);
        group.rules.len() < count
    })
    .await?;
    Ok(if was_there { StatusCode::OK } else { StatusCode::NO_CONTENT })
}
