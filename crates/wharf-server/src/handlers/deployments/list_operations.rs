//! GET the operations of a deployment: one for each resource that was begun.

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
    let (found, record) = super::find(&app, &path.key(&app)?).await?;
    let steps = wharf_arm::deployment::render_steps(&found.key, &record, app.clock.now());
    Ok(Json(wharf_arm::list::page(&steps, None)).into_response())
}
