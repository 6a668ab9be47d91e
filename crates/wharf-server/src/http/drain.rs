//! A request's body is read to its end whatever the handler made of it.
//!
//! A connection on which a body is left unread cannot be used again, and hyper closes it: clients
//! that keep connections, as all of Azure's do, would find theirs dead at the next request.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    middleware::Next,
    response::Response,
};
use futures::StreamExt as _;
use hyper::body::{Frame, SizeHint};

/// What is read at most for a handler that did not want it, in bytes.
const REST_MAX: usize = 4 << 20;
/// How long a client may take to send it.
const REST_TIME: Duration = Duration::from_secs(5);

/// The body, which can be taken back from whoever has it.
#[derive(Clone)]
struct Lent(Arc<Mutex<Body>>);

impl Lent {
    fn lock(&self) -> MutexGuard<'_, Body> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut *self.lock()).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.lock().size_hint()
    }
}

/// Runs the handler, then reads what it left.
pub(super) async fn read_to_end(request: Request, next: Next) -> Response {
    after(request, |request| next.run(request)).await
}

/// The answer to a request, and then what it left of the body is read.
pub(super) async fn after<F: Future<Output = Response>>(
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Response {
    let (parts, body) = request.into_parts();
    if body.is_end_stream() {
        return answer(Request::from_parts(parts, body)).await;
    }
    let lent = Lent(Arc::new(Mutex::new(body)));
    let response = answer(Request::from_parts(parts, Body::new(lent.clone()))).await;
    let rest = std::mem::take(&mut *lent.lock());
    drop(tokio::time::timeout(REST_TIME, discard(rest)).await);
    response
}

async fn discard(body: Body) {
    let mut chunks = body.into_data_stream();
    let mut read = 0;
    while let Some(Ok(chunk)) = chunks.next().await {
        read += chunk.len();
        if read > REST_MAX {
            return;
        }
    }
}
