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
        let milliseconds = now.duration_since(pull.began_at).as_millis().max(1);
        let rate = i128::from(pull.progress.bytes_fetched) * 1000 / milliseconds;
        json!({
            "reference": pull.reference,
            "beganAt": wharf_arm::time::seconds(pull.began_at),
            "progress": pull.progress,
            "bytesPerSecond": u64::try_from(rate).unwrap_or_default(),
        })
    };
    let documents: Vec<Value> = app.images.pulls().iter().map(document).collect();
    Ok(Json(wharf_arm::list::page(&documents, None)).into_response())
}
