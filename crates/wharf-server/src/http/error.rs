//! Errors as responses: status, ARM envelope, and a log line with what the client is not told.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use wharf_model::{Error, ErrorKind};

/// What handlers return.
pub(crate) type ApiResult<T = Response> = Result<T, ApiError>;

/// An error on its way out.
#[derive(Debug)]
pub(crate) struct ApiError(pub(crate) Error);

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let status = StatusCode::from_u16(wharf_arm::error::status(error.kind))
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Some(internal) = &error.internal {
            if error.kind == ErrorKind::Internal {
                tracing::error!(code = error.code, error = %internal, "request failed");
            } else {
                tracing::info!(code = error.code, error = %internal, "request refused");
            }
        }
        let mut response = (status, Json(wharf_arm::error::body(&error))).into_response();
        response
            .headers_mut()
            .insert("x-ms-failure-cause", HeaderValue::from_static(cause(error.kind)));
        if error.kind == ErrorKind::Unauthenticated {
            let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// ARM's front door or the service behind it (operations.md A.3).
fn cause(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound
        | ErrorKind::Unauthenticated
        | ErrorKind::Forbidden
        | ErrorKind::MethodNotAllowed
        | ErrorKind::TooLarge => "gateway",
        ErrorKind::InvalidParameter
        | ErrorKind::Conflict
        | ErrorKind::QuotaExceeded
        | ErrorKind::CapacityExceeded
        | ErrorKind::Unavailable
        | ErrorKind::StorageFull
        | ErrorKind::Internal => "service",
    }
}
