//! Requests that the daemon makes of itself, for somebody: through the same routes, with the same
//! checks, as if they had come from outside.

use std::time::Duration;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{FromRequestParts, Request},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use wharf_arm::template;
use wharf_model::{Error, ErrorKind};

use crate::{
    auth::Peer,
    http::{ApiError, rewrite},
};

/// The largest answer that is read, in bytes.
const ANSWER_MAX: usize = 64 << 20;
/// How soon an operation is first looked at again, and how rarely at most.
const POLL: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// All routes; every request that comes in carries them.
#[derive(Clone, Debug)]
pub(crate) struct Routes(pub(crate) Router);

/// Somebody's way to make requests of this daemon: their own, with the same credentials.
#[derive(Clone, Debug)]
pub(crate) struct Calls {
    routes: Router,
    peer: Peer,
    authorization: Option<HeaderValue>,
}

impl<S: Sync> FromRequestParts<S> for Calls {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let routes = parts.extensions.get::<Routes>().cloned();
        let Routes(routes) =
            routes.ok_or_else(|| Error::internal("a request without routes".to_owned()))?;
        let peer = parts.extensions.get::<Peer>().copied().unwrap_or(Peer::Remote);
        let authorization = parts.headers.get(header::AUTHORIZATION).cloned();
        Ok(Self { routes, peer, authorization })
    }
}

/// An answer, read to its end.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    /// The error of an answer that is one.
    fn error(&self) -> (u16, Value) {
        let error = self.body.get("error").filter(|error| error.is_object());
        let status = self.status.as_u16();
        let error = error.cloned().unwrap_or_else(
            || json!({ "code": "UnexpectedAnswer", "message": format!("Status {status}.") }),
        );
        (status, error)
    }
}

impl Calls {
    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let failed = |message: String| Answer {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            headers: HeaderMap::new(),
            body: wharf_arm::error::body(&Error::internal(message)),
        };
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(header::HOST, "localhost");
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let mut request = match request.body(body) {
            Ok(request) => rewrite(request),
            Err(error) => return failed(error.to_string()),
        };
        request.extensions_mut().insert(self.peer);
        request.extensions_mut().insert(Routes(self.routes.clone()));
        let response = match self.routes.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (parts, body) = response.into_parts();
        let bytes = match to_bytes(body, ANSWER_MAX).await {
            Ok(bytes) => bytes,
            Err(error) => return failed(error.to_string()),
        };
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Reads a resource; fails with the inside of the error's envelope.
    pub(crate) async fn get(&self, id: &str, version: &str) -> Result<Value, (u16, Value)> {
        let answer = self.send(Method::GET, &url(id, version), None).await;
        if answer.status.is_success() { Ok(answer.body) } else { Err(answer.error()) }
    }

    /// Whether who asks may read a resource; the error that they would see if not.
    pub(crate) async fn allowed(&self, id: &str, version: &str) -> Result<(), Error> {
        let answer = self.send(Method::GET, &url(id, version), None).await;
        let kind = match answer.status {
            status if status.is_success() => return Ok(()),
            StatusCode::NOT_FOUND => ErrorKind::NotFound,
            StatusCode::FORBIDDEN => ErrorKind::Forbidden,
            StatusCode::BAD_REQUEST => ErrorKind::InvalidParameter,
            status => return Err(Error::internal(format!("{id} answered {status}"))),
        };
        let (_, error) = answer.error();
        let code = match kind {
            ErrorKind::Forbidden => "LinkedAuthorizationFailed",
            ErrorKind::NotFound => "ResourceNotFound",
            _ => "InvalidRequestContent",
        };
        Err(Error::new(kind, code, error["message"].as_str().unwrap_or_default()))
    }

    /// What an expression wants to know.
    pub(crate) async fn ask(&self, request: &template::Request) -> Result<Value, Value> {
        let kind = kind_of(&request.id);
        let newest = wharf_arm::provider::newest_version(&kind).map(str::to_owned);
        let version = request.api_version.clone().or(newest).unwrap_or_default();
        let answer = match &request.action {
            None => return self.get(&request.id, &version).await.map_err(|(_, error)| error),
            Some(action) => {
                let path = format!("{}/{action}", request.id);
                self.send(Method::POST, &url(&path, &version), request.body.as_ref()).await
            }
        };
        if answer.status.is_success() { Ok(answer.body) } else { Err(answer.error().1) }
    }

    /// Makes a resource and waits until the service says how that ended.
    pub(crate) async fn put(
        &self,
        id: &str,
        version: &str,
        body: &Value,
    ) -> Result<u16, (u16, Value)> {
        let answer = self.send(Method::PUT, &url(id, version), Some(body)).await;
        if !answer.status.is_success() {
            return Err(answer.error());
        }
        let status = answer.status.as_u16();
        let link = |name: &str| answer.headers.get(name).and_then(|link| link.to_str().ok());
        if let Some(link) = link("azure-asyncoperation") {
            return self.wait(path_of(link)).await.map(|()| status);
        }
        if let Some(link) = link("location").filter(|_| answer.status == StatusCode::ACCEPTED) {
            return self.wait(path_of(link)).await.map(|()| status);
        }
        Ok(status)
    }

    async fn wait(&self, path: &str) -> Result<(), (u16, Value)> {
        let (mut pause, longest) = POLL;
        loop {
            let answer = self.send(Method::GET, path, None).await;
            if !answer.status.is_success() {
                return Err(answer.error());
            }
            let status = answer.body["status"].as_str().unwrap_or_default().to_ascii_lowercase();
            match status.as_str() {
                "succeeded" => return Ok(()),
                "failed" | "canceled" => {
                    let (_, mut error) = answer.error();
                    if answer.body.get("error").is_none() {
                        let message = format!("The operation ended with the status '{status}'.");
                        error = json!({ "code": "ResourceDeploymentFailure", "message": message });
                    }
                    return Err((StatusCode::CONFLICT.as_u16(), error));
                }
                "" if answer.status != StatusCode::ACCEPTED => return Ok(()),
                _ => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
    }
}

fn url(id: &str, version: &str) -> String {
    let id: String =
        id.chars().map(|c| if c == ' ' { "%20".to_owned() } else { c.to_string() }).collect();
    format!("{id}?api-version={version}")
}

/// Path and query of an absolute URL.
fn path_of(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    url[start..].find('/').map_or("/", |at| &url[start + at..])
}

/// The type of the resource of an id: `…/providers/ns/a/x/b/y` is of the type `ns/a/b`.
fn kind_of(id: &str) -> String {
    let folded = id.to_ascii_lowercase();
    let tail = folded.rfind("/providers/").map_or("", |at| &id[at + "/providers/".len()..]);
    let mut parts = tail.split('/');
    let mut kind = parts.next().unwrap_or_default().to_owned();
    for part in parts.step_by(2) {
        kind.push('/');
        kind.push_str(part);
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_ids_are_taken_apart() {
        assert_eq!(path_of("https://host:1/a/b?c=d"), "/a/b?c=d");
        assert_eq!(kind_of("/subscriptions/s/resourceGroups/g/providers/N.S/a/x/b/y"), "N.S/a/b");
        assert_eq!(kind_of("/subscriptions/s"), "");
    }
}
