//! GET a principal.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;

use super::AtPrincipal;
use crate::{app::App, http::ApiResult};

pub(crate) async fn handle(
    State(app): State<App>,
    Path((collection, login)): AtPrincipal,
) -> ApiResult<Json<Value>> {
    let principal = super::find(&app, &collection, &login).await?;
    Ok(Json(wharf_arm::principal::render(&principal)))
}
