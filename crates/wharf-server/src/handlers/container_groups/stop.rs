//! POST stop: 204 when everything has ended; not a long-running operation.

use std::time::Duration;

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use wharf_model::change;

use super::AtGroup;
use crate::{
    app::App,
    http::{ApiResult, Version},
};

/// What clearing up takes at most once the containers have ended.
const TEARDOWN_MAX: Duration = Duration::from_secs(20);

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtGroup,
    Version(_): Version,
) -> ApiResult<StatusCode> {
    let key = path.key(&app)?;
    let wanted = key.clone();
    let accepted = app
        .accept(&key, move |current| {
            let group = current.ok_or_else(|| wharf_arm::error::group_not_found(&wanted))?;
            Ok(change::stop(group))
        })
        .await?;
    if accepted.operation.is_some() {
        let limit = app.settings.grace + TEARDOWN_MAX;
        let (id, generation) = (&accepted.group.id, accepted.group.generation);
        app.controller.wait_settled(id, generation, limit).await;
    }
    Ok(StatusCode::NO_CONTENT)
}
