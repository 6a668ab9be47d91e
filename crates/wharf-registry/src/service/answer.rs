//! Answers, and what requests and answers have in common.

use std::collections::HashMap;

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header, response::Builder},
};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::door::Door;
use crate::{
    error::{Code, RegistryError},
    names::Digest,
};

pub(super) type Answer = Response<Body>;

/// Where the digest of what is answered is told.
pub(super) const DIGEST: &str = "docker-content-digest";

/// The beginning of an answer.
pub(super) fn begin(status: StatusCode) -> Builder {
    Response::builder().status(status).header("docker-distribution-api-version", "registry/2.0")
}

/// The end of an answer whose headers may hold what a client said.
pub(super) fn end(builder: Builder, body: Body) -> Result<Answer, RegistryError> {
    let failed = |_| RegistryError::because(Code::Unsupported, "A value is not one of a header.");
    builder.body(body).map_err(failed)
}

/// An answer with a document.
pub(super) fn document(
    media_type: &str,
    document: &Value,
    link: Option<String>,
) -> Result<Answer, RegistryError> {
    let mut answer = begin(StatusCode::OK).header(header::CONTENT_TYPE, media_type);
    if let Some(next) = link {
        answer = answer.header(header::LINK, format!("<{next}>; rel=\"next\""));
    }
    end(answer, Body::from(document.to_string()))
}

/// An answer about content that was made.
pub(super) fn created(location: String, digest: &Digest) -> Result<Answer, RegistryError> {
    let answer = begin(StatusCode::CREATED).header(header::LOCATION, location);
    end(answer.header(DIGEST, digest.to_string()), Body::empty())
}

/// The answer to what is not done.
pub(super) fn refuse(error: &RegistryError, door: &Door) -> Answer {
    let code = error.code();
    let message = if matches!(code, Code::Unknown | Code::DiskFull) {
        tracing::error!(error = error as &dyn std::error::Error, "a registry failed");
        "The registry cannot do this now.".to_owned()
    } else if let RegistryError::Refused { message, .. } = error {
        message.clone().into_owned()
    } else {
        error.to_string()
    };
    let body = json!({ "errors": [{ "code": code.name(), "message": message, "detail": null }] });
    let mut answer = Response::new(Body::from(body.to_string()));
    *answer.status_mut() = code.status();
    let headers = answer.headers_mut();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    let version = HeaderValue::from_static("registry/2.0");
    headers.insert("docker-distribution-api-version", version);
    if let RegistryError::Unauthorized { scope, is_known } = error
        && let Ok(challenge) = HeaderValue::from_str(&door.challenge(scope.as_deref(), *is_known))
    {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    if let RegistryError::OutOfOrder { size, location } = error
        && let Ok(location) = HeaderValue::from_str(location)
        && let Ok(range) = HeaderValue::from_str(&range(*size))
    {
        headers.insert(header::LOCATION, location);
        headers.insert(header::RANGE, range);
    }
    answer
}

/// What is there of an upload.
pub(super) fn range(size: u64) -> String {
    format!("0-{}", size.saturating_sub(1))
}

/// The parameters of a request, each once.
pub(super) fn query(text: &str) -> HashMap<String, String> {
    query_all(text).collect()
}

/// The parameters of a request, as a form has them as well.
pub(super) fn query_all(text: &str) -> impl Iterator<Item = (String, String)> {
    let plain = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8_lossy().into_owned()
    };
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(move |(name, value)| (plain(name), plain(value)))
}
