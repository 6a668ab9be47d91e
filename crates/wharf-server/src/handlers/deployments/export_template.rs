//! POST exportTemplate: the template as it was sent.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use serde_json::Value;

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
    let kept = found.content.secret.unwrap_or_default();
    let kept: Value = serde_json::from_slice(&kept).unwrap_or_default();
    Ok(Json(kept).into_response())
}
