//! The headers that every ARM answer carries (operations.md A.3).

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use uuid::Uuid;

const FIXED: &[(&str, &str)] = &[
    ("cache-control", "no-cache"),
    ("pragma", "no-cache"),
    ("expires", "-1"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("x-content-type-options", "nosniff"),
];

/// Adds the fixed headers, a request id, and the client's own ids back.
pub(super) async fn add(request: Request, next: Next) -> Response {
    let (correlation, client) = ids_of(request.headers());
    let id = Uuid::new_v4();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in FIXED {
        headers
            .entry(HeaderName::from_static(name))
            .or_insert_with(|| HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        headers.insert("x-ms-correlation-request-id", correlation.unwrap_or_else(|| id.clone()));
        headers.insert("x-ms-request-id", id);
    }
    if let Some(client) = client {
        headers.insert("x-ms-client-request-id", client);
    }
    response
}

/// The correlation id, and the client's own id if it wants that back.
fn ids_of(headers: &HeaderMap) -> (Option<HeaderValue>, Option<HeaderValue>) {
    let wants_back = headers
        .get("x-ms-return-client-request-id")
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    let client = headers.get("x-ms-client-request-id").filter(|_| wants_back);
    (headers.get("x-ms-correlation-request-id").cloned(), client.cloned())
}
