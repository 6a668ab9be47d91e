//! HEAD: 204 when the deployment is there, 404 when not.

use axum::{
    extract::{Path, State},
    http::StatusCode,
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
) -> ApiResult<StatusCode> {
    let found = app.resource(&path.key(&app)?).await?;
    Ok(if found.is_some() { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND })
}
