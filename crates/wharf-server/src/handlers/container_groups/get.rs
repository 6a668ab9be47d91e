//! GET: the group with its instance views.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};

use super::AtGroup;
use crate::{
    app::App,
    http::{ApiResult, Version},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtGroup,
    Version(version): Version,
) -> ApiResult<Response> {
    let group = app.group(&path.key(&app)?).await?;
    Ok(Json(app.document(&group, version).await?).into_response())
}
