//! GET the deployments of a subscription itself: there are none, since only resource groups are
//! deployed to.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};

use crate::{
    app::App,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(subscription): Path<String>,
    _: ResourcesVersion,
) -> ApiResult<Response> {
    app.subscription(&subscription)?;
    Ok(Json(wharf_arm::list::page(&[], None)).into_response())
}
