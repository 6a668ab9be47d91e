//! POST `{path, name?}`: imports a file or directory of the host. Only through the Unix socket,
//! since the path is read with the daemon's rights.

use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use camino::Utf8PathBuf;
use serde::Deserialize;
use wharf_model::{Error, ErrorKind};

use crate::{
    app::App,
    auth::Peer,
    http::{ApiResult, Body},
};

#[derive(Debug, Deserialize)]
struct Request {
    path: Utf8PathBuf,
    name: Option<String>,
}

pub(crate) async fn handle(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    Body(body): Body,
) -> ApiResult<Response> {
    if !matches!(peer, Peer::Local { .. }) {
        let message = "Images are imported on the Wharf host, through its socket.";
        return Err(Error::new(ErrorKind::Forbidden, "LocalOnly", message).into());
    }
    let Request { path, name } = serde_json::from_value(body)
        .map_err(|error| Error::invalid("InvalidRequestContent", error.to_string(), "path"))?;
    let (images, now) = (app.images.clone(), app.clock.now());
    let work = move || images.import(&path, name.as_deref(), now);
    let imported = tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::internal(error.to_string()))?
        .map_err(|error| super::image_failed(&error))?;
    let documents: Vec<_> = imported.iter().map(super::document).collect();
    Ok(Json(wharf_arm::list::page(&documents, None)).into_response())
}
