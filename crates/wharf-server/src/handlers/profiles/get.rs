//! GET a profile in its latest revision.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};

use super::AtProfile;
use crate::{
    app::App,
    http::{ApiResult, Version},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtProfile,
    Version(version): Version,
) -> ApiResult<Response> {
    wharf_arm::profile::check_version(version)?;
    let (found, _) = super::find(&app, &path.key(&app)?).await?;
    Ok(Json(super::latest(&found, version)?).into_response())
}
