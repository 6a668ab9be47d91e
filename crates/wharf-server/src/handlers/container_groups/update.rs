//! PATCH: only tags take effect, and are replaced as a whole.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use wharf_model::change::Decision;

use super::AtGroup;
use crate::{
    app::App,
    http::{ApiResult, Body, Version},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtGroup,
    Version(version): Version,
    Body(body): Body,
) -> ApiResult<Response> {
    let key = path.key(&app)?;
    let tags = wharf_arm::container_group::parse_patch(&body)?;
    let wanted = key.clone();
    let accepted = app
        .accept(&key, move |current| match (current, tags) {
            (None, _) => Err(wharf_arm::error::group_not_found(&wanted)),
            (Some(_), None) => Ok(Decision::Keep),
            (Some(_), Some(tags)) => Ok(Decision::Tags(tags)),
        })
        .await?;
    Ok(Json(app.document(&accepted.group, version).await?).into_response())
}
