//! GET a deployment.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};

use super::AtDeployment;
use crate::{
    app::App,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtDeployment,
    _: ResourcesVersion,
) -> ApiResult<Response> {
    let (found, _) = super::find(&app, &path.key(&app)?).await?;
    Ok(Json(super::document(&app, &found)?).into_response())
}
