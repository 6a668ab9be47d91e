//! GET the public keys.

use axum::{Json, extract::State};
use serde_json::Value;

use crate::app::App;

pub(crate) async fn handle(State(app): State<App>) -> Json<Value> {
    Json(app.identity.public_keys())
}
