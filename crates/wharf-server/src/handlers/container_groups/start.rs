//! POST start: 202 and an operation; 204 for a group that runs.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use wharf_model::change;

use super::{AtGroup, polling};
use crate::{
    app::App,
    http::{ApiResult, Base, Version},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtGroup,
    Version(_): Version,
    base: Base,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let key = path.key(&app)?;
    let wanted = key.clone();
    let accepted = app
        .accept(&key, move |current| {
            let group = current.ok_or_else(|| wharf_arm::error::group_not_found(&wanted))?;
            Ok(change::start(group))
        })
        .await?;
    let Some(operation) = accepted.operation else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let (id, generation) = (&accepted.group.id, accepted.group.generation);
    app.controller.wait_settled(id, generation, app.settings.hold).await;
    let polling = polling(&app, &base, &operation, headers.get(header::USER_AGENT));
    Ok((StatusCode::ACCEPTED, polling).into_response())
}
