//! POST: a new key signs from now on.

use axum::{extract::State, http::StatusCode};

use crate::{app::App, http::ApiResult};

pub(crate) async fn handle(State(app): State<App>) -> ApiResult<StatusCode> {
    let identity = app.identity.clone();
    app.blocking(move |_| identity.rotate()).await??;
    Ok(StatusCode::NO_CONTENT)
}
