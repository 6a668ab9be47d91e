//! GET where the names of groups are answered for: what `wharf dns-setup` needs to know.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use crate::{app::App, http::ApiResult};

pub(crate) async fn handle(State(app): State<App>) -> ApiResult<Response> {
    let server = app.controller.backend().name_server();
    let suffix = &app.settings.render.dns_suffix;
    Ok(Json(json!({ "server": server.to_string(), "suffix": suffix })).into_response())
}
