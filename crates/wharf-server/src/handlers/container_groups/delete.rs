//! DELETE: 200 with the group as it was, 204 when there is none.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use wharf_model::{ErrorKind, change};

use super::{AtGroup, polling};
use crate::{
    app::App,
    http::{ApiResult, Base, Version},
};

/// What removing a group takes at most once its containers have ended.
const TEARDOWN_MAX: Duration = Duration::from_secs(20);

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtGroup,
    Version(version): Version,
    base: Base,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let key = path.key(&app)?;
    let group = match app.group(&key).await {
        Err(error) if error.kind == ErrorKind::NotFound => {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        other => other?,
    };
    let document = app.document(&group, version).await?;
    let wanted = key.clone();
    let accepted = app
        .accept(&key, move |current| {
            let group = current.ok_or_else(|| wharf_arm::error::group_not_found(&wanted))?;
            Ok(change::delete(group))
        })
        .await?;
    // As on the real service the answer comes when the group is gone; if that takes too long, the
    // client is told where to look instead.
    let limit = app.settings.grace + TEARDOWN_MAX;
    if app.controller.wait_gone(&accepted.group.id, limit).await {
        return Ok(Json(document).into_response());
    }
    let polling = accepted
        .operation
        .map(|operation| polling(&app, &base, &operation, headers.get(header::USER_AGENT)));
    Ok((StatusCode::ACCEPTED, polling.unwrap_or_default(), Json(document)).into_response())
}
