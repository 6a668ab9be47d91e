//! POST `{reference, username?, password?}`: pulls, and tells of progress as lines of JSON:
//! `{"progress"}`…, then `{"image"}` or `{"error"}`.

use axum::{
    body::Body as HttpBody,
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use wharf_image::Credential;
use wharf_model::Error;

use crate::{
    app::App,
    http::{ApiResult, Body},
};

#[derive(Debug, Deserialize)]
struct Request {
    reference: String,
    username: Option<String>,
    password: Option<String>,
}

pub(crate) async fn handle(State(app): State<App>, Body(body): Body) -> ApiResult<Response> {
    let request: Request = serde_json::from_value(body)
        .map_err(|error| Error::invalid("InvalidRequestContent", error.to_string(), "reference"))?;
    let (lines, receiver) = mpsc::unbounded_channel::<Value>();
    tokio::spawn(async move {
        let last = pull(&app, request, &lines).await;
        // A client that has gone does not stop the pull.
        drop(lines.send(last));
    });
    let stream = futures::stream::unfold(receiver, |mut receiver| async move {
        let line = receiver.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(format!("{line}\n"))), receiver))
    });
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((kind, HttpBody::from_stream(stream)).into_response())
}

async fn pull(app: &App, request: Request, lines: &mpsc::UnboundedSender<Value>) -> Value {
    let Request { reference, username, password } = request;
    let credentials: Vec<Credential> = wharf_image::registry_of(&reference)
        .zip(username.zip(password))
        .map(|(server, (username, password))| Credential { server, username, password })
        .into_iter()
        .collect();
    let tell = |progress| drop(lines.send(json!({ "progress": progress })));
    match app.images.pull(&reference, &credentials, app.clock.now(), tell).await {
        Ok(image) => json!({ "image": super::document(&image) }),
        Err(error) => wharf_arm::error::body(&super::image_failed(&error)),
    }
}
