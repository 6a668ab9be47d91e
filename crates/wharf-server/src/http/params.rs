//! What handlers take from a request besides its path.

use axum::{
    body::to_bytes,
    extract::{FromRequest, FromRequestParts, Query, Request},
    http::{header, request::Parts, uri::Authority},
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use wharf_arm::ApiVersion;
use wharf_model::{Error, ErrorKind};

use super::ApiError;
use crate::auth::Peer;

/// The largest body of a request for a resource, in bytes.
const BODY_MAX: usize = 4 << 20;

#[derive(Debug, Deserialize)]
struct ApiVersionQuery {
    #[serde(rename = "api-version")]
    api_version: Option<String>,
}

fn version_of(parts: &Parts) -> Option<String> {
    Query::<ApiVersionQuery>::try_from_uri(&parts.uri).ok().and_then(|query| query.0.api_version)
}

/// The api-version of a request for a container group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Version(pub(crate) ApiVersion);

impl<S: Sync> FromRequestParts<S> for Version {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        Ok(Self(ApiVersion::parse(version_of(parts).as_deref())?))
    }
}

/// A request for a resource of ARM itself, with a version that is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResourcesVersion;

impl<S: Sync> FromRequestParts<S> for ResourcesVersion {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        wharf_arm::api_version::check_resources(version_of(parts).as_deref())?;
        Ok(Self)
    }
}

/// Scheme and authority as the client knows them: polling URLs are built from it.
#[derive(Clone, Debug)]
pub(crate) struct Base(pub(crate) String);

impl Base {
    /// The same for web sockets.
    pub(crate) fn web_socket(&self) -> String {
        self.0.replacen("http", "ws", 1)
    }
}

impl<S: Sync> FromRequestParts<S> for Base {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = parts.uri.authority().map(Authority::as_str).or(host).unwrap_or("localhost");
        let scheme = match parts.extensions.get::<Peer>() {
            Some(Peer::Local { .. }) => "http",
            Some(Peer::Remote) | None => "https",
        };
        Ok(Self(format!("{scheme}://{host}")))
    }
}

async fn bytes_of(request: Request) -> Result<Bytes, Error> {
    to_bytes(request.into_body(), BODY_MAX).await.map_err(|error| {
        let message = format!("The request body cannot be read or exceeds {BODY_MAX} bytes.");
        Error::new(ErrorKind::TooLarge, "RequestEntityTooLarge", message).because(error.to_string())
    })
}

/// A JSON body, whatever its content type says.
#[derive(Clone, Debug)]
pub(crate) struct Body(pub(crate) Value);

impl<S: Sync> FromRequest<S> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let bytes = bytes_of(request).await?;
        let value = serde_json::from_slice(&bytes).map_err(|error| {
            Error::new(
                ErrorKind::InvalidParameter,
                "InvalidRequestContent",
                format!(
                    "The request content was invalid and could not be deserialized: '{error}'."
                ),
            )
        })?;
        Ok(Self(value))
    }
}

/// A body with a template, which may be JSON only roughly.
#[derive(Clone, Debug)]
pub(crate) struct LenientBody(pub(crate) Value);

impl<S: Sync> FromRequest<S> for LenientBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let bytes = bytes_of(request).await?;
        Ok(Self(wharf_arm::lenient::parse(&bytes)?))
    }
}
