//! GET the pulls that are under way, with how far they are and how fast they go.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};
use wharf_image::PullUnderWay;

use crate::{app::App, http::ApiResult};

pub(crate) async fn handle(State(app): State<App>) -> ApiResult<Response> {
    let now = app.clock.now();
    let document = |pull: &PullUnderWay| -> Value {
        let since = now.duration_since(pull.began_at);
        json!({
            "reference": pull.reference,
            "beganAt": wharf_arm::time::seconds(pull.began_at),
            "progress": pull.progress,
            "bytesPerSecond": pull.progress.bytes_per_second(since),
        })
    };
    let documents: Vec<Value> = app.images.pulls().iter().map(document).collect();
    Ok(Json(wharf_arm::list::page(&documents, None)).into_response())
}
