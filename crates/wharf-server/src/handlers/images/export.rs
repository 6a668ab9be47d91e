//! GET an image as an OCI layout archive: `?reference=`. The answer breaks off when packing fails.

use axum::{
    body::Body as HttpBody,
    extract::{Query, State},
    http::header,
    response::{IntoResponse as _, Response},
};
use tokio_util::io::{ReaderStream, SyncIoBridge};
use wharf_model::error::chain;

use super::inspect::{Params, found};
use crate::{app::App, http::ApiResult};

/// How far packing may be ahead of the client, in bytes.
const AHEAD: usize = 1 << 20;

pub(crate) async fn handle(
    State(app): State<App>,
    Query(params): Query<Params>,
) -> ApiResult<Response> {
    let image = found(&app, &params)?;
    let (ours, theirs) = tokio::io::duplex(AHEAD);
    let (images, handle) = (app.images.clone(), tokio::runtime::Handle::current());
    // A body that ends early must not pass for a whole one.
    let (failed, mut failure) = tokio::sync::oneshot::channel::<std::io::Error>();
    tokio::task::spawn_blocking(move || {
        let to = SyncIoBridge::new_with_handle(ours, handle);
        if let Err(error) = images.export(&image, to) {
            tracing::warn!(error = chain(&error), "an export broke off");
            drop(failed.send(std::io::Error::other("the export broke off")));
        }
    });
    let end = futures::stream::once(async move {
        match (&mut failure).await {
            Ok(error) => Err(error),
            Err(_) => Ok(bytes::Bytes::new()),
        }
    });
    let body = futures::StreamExt::chain(ReaderStream::new(theirs), end);
    let kind = [(header::CONTENT_TYPE, "application/x-tar")];
    Ok((kind, HttpBody::from_stream(body)).into_response())
}
