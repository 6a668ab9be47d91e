//! POST `{reference, username?, password?}`: pulls, and tells of progress as lines of JSON:
//! `{"progress"}`…, then `{"image"}` or `{"error"}`.

use axum::{
    Extension,
    body::Body as HttpBody,
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use wharf_image::{Audience, Credential};
use wharf_model::Error;

use crate::{
    app::App,
    auth::Caller,
    http::{ApiResult, Body},
};

#[derive(Debug, Deserialize)]
struct Request {
    reference: String,
    username: Option<String>,
    password: Option<String>,
}

pub(crate) async fn handle(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(body): Body,
) -> ApiResult<Response> {
    let request: Request = serde_json::from_value(body)
        .map_err(|error| Error::invalid("InvalidRequestContent", error.to_string(), "reference"))?;
    // What the administrator pulls is there for every group; others pull as a group would.
    let audience = match caller {
        Caller::Administrator => Audience::Everyone,
        Caller::Principal(_) => Audience::Holders,
    };
    let (lines, receiver) = mpsc::unbounded_channel::<Value>();
    tokio::spawn(async move {
        let last = pull(&app, (request, audience), &lines).await;
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

async fn pull(
    app: &App,
    (request, audience): (Request, Audience),
    lines: &mpsc::UnboundedSender<Value>,
) -> Value {
    let Request { reference, username, password } = request;
    let credentials: Vec<Credential> = wharf_image::registry_of(&reference)
        .zip(username.zip(password))
        .map(|(server, (username, password))| Credential::password(server, username, password))
        .into_iter()
        .collect();
    let tell = |progress| drop(lines.send(json!({ "progress": progress })));
    let asking = (credentials.as_slice(), audience);
    match app.images.pull(&reference, asking, app.clock.now(), tell).await {
        Ok(image) => json!({ "image": super::document(&image) }),
        Err(error) => wharf_arm::error::body(&super::image_failed(&error)),
    }
}
