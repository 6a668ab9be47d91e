//! Whether the daemon lives, and whether it has looked at every group since it started.

use axum::{extract::State, http::StatusCode};

use crate::app::App;

pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

pub(crate) async fn readyz(State(app): State<App>) -> (StatusCode, &'static str) {
    if app.controller.is_ready() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "looking at groups\n")
    }
}
