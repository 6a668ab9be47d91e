//! Requests and answers: errors out of the ARM envelope, pages, long-running operations.

mod pieces;

use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream::BoxStream};
use reqwest::{Certificate, Method, header};
use serde_json::Value;
use tokio_tungstenite::{WebSocketStream, tungstenite};
use wharf_model::error::chain;

use crate::{
    args::Globals,
    endpoint::Endpoint,
    error::{ApiError, CliError},
    output,
};

/// The daemon's own authority on this host, trusted for https when it can be read.
const LOCAL_CA: &str = "/var/lib/wharf/tls/ca.pem";

/// Connection to one daemon.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    endpoint: Endpoint,
    token: Option<String>,
    verbose: bool,
}

/// A WebSocket to the daemon.
pub(crate) type Socket = WebSocketStream<reqwest::Upgraded>;

/// A good answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// HTTP status, 2xx.
    pub(crate) status: u16,
    /// `Azure-AsyncOperation`: path and query to poll.
    pub(crate) operation: Option<String>,
    /// JSON body; null when there is none.
    pub(crate) body: Value,
}

impl Client {
    /// Reads what the flags name; connects to nothing yet.
    pub(crate) fn new(globals: &Globals) -> Result<Self, CliError> {
        let endpoint = Endpoint::parse(&globals.endpoint)?;
        let builder = reqwest::Client::builder()
            .user_agent(concat!("wharf/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(5));
        let (builder, token) = match &endpoint {
            // No certificates: loading the system's costs more than the whole command.
            Endpoint::Unix(path) => {
                (builder.unix_socket(path.as_std_path()).tls_certs_only([]), None)
            }
            Endpoint::Https(_) => (trust(builder, globals)?, token(globals)?),
        };
        let http = builder
            .build()
            .map_err(|error| CliError::Internal(format!("make a client: {}", chain(&error))))?;
        Ok(Self { http, endpoint, token, verbose: globals.verbose })
    }

    /// Scheme and authority, unless the daemon is reached through its socket.
    pub(crate) fn https_base(&self) -> Option<&str> {
        match &self.endpoint {
            Endpoint::Https(base) => Some(base),
            Endpoint::Unix(_) => None,
        }
    }

    /// Speaks with another token from now on.
    pub(crate) fn set_token(&mut self, token: String) {
        self.token = Some(token);
    }

    /// An access token of a service principal.
    pub(crate) async fn service_principal_token(
        &self,
        client: &str,
        secret: &str,
    ) -> Result<String, CliError> {
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}",
            escape(client),
            escape(secret)
        );
        let response = self
            .http
            .post(format!("{}/adfs/oauth2/token", self.endpoint.base()))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .timeout(Duration::from_mins(1))
            .body(form)
            .send()
            .await
            .map_err(|error| self.unreachable(&error))?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        text("access_token").ok_or_else(|| {
            CliError::Api(ApiError {
                status,
                code: text("error").unwrap_or_else(|| format!("HTTP {status}")),
                message: text("error_description").unwrap_or_default(),
                ..ApiError::default()
            })
        })
    }

    /// Whether asking is nearly free.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self.endpoint, Endpoint::Unix(_))
    }

    /// GET of a document.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, CliError> {
        Ok(self.send(Method::GET, path, None).await?.body)
    }

    /// PUT of a document.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Answer, CliError> {
        self.send(Method::PUT, path, Some(body)).await
    }

    /// POST of an action.
    pub(crate) async fn post(&self, path: &str, body: Option<&Value>) -> Result<Answer, CliError> {
        self.send(Method::POST, path, body).await
    }

    /// DELETE.
    pub(crate) async fn delete(&self, path: &str) -> Result<Answer, CliError> {
        self.send(Method::DELETE, path, None).await
    }

    /// All items of a list, page after page.
    pub(crate) async fn list(&self, path: &str) -> Result<Vec<Value>, CliError> {
        let mut items = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let mut page = self.get(&path).await?;
            if let Some(Value::Array(values)) = page.get_mut("value").map(Value::take) {
                items.extend(values);
            }
            let link = page.get("nextLink").and_then(Value::as_str).filter(|link| !link.is_empty());
            next = link.map(path_of).transpose()?;
            if next.as_deref() == Some(path.as_str()) {
                return Err(CliError::Internal(format!("the list at {path} never ends")));
            }
        }
        Ok(items)
    }

    /// POST whose answer comes line by line.
    pub(crate) async fn post_lines(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<BoxStream<'static, Result<Value, CliError>>, CliError> {
        let response = self.exchange(Method::POST, path, Some(body), None).await?;
        if !response.status().is_success() {
            return Err(read_error(response).await);
        }
        let endpoint = self.endpoint.to_string();
        let state = (response, Vec::new(), endpoint);
        let lines =
            futures::stream::try_unfold(state, |(mut response, mut buffer, endpoint)| async {
                let line = next_line(&mut response, &mut buffer, &endpoint).await?;
                Ok(line.map(|line| (line, (response, buffer, endpoint))))
            });
        Ok(lines.boxed())
    }

    /// A WebSocket at an address that the daemon gave out, by the way that leads to the daemon.
    pub(crate) async fn web_socket(&self, uri: &str) -> Result<Socket, CliError> {
        let key = tungstenite::handshake::client::generate_key();
        let url = format!("{}{}", self.endpoint.base(), path_of(uri)?);
        let request = self
            .http
            .get(url)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, &key)
            .header(header::SEC_WEBSOCKET_PROTOCOL, wharf_arm::exec::PROTOCOL);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status() != reqwest::StatusCode::SWITCHING_PROTOCOLS {
            return Err(read_error(response).await);
        }
        let accepted = header_text(&response, header::SEC_WEBSOCKET_ACCEPT.as_str());
        let protocol = header_text(&response, header::SEC_WEBSOCKET_PROTOCOL.as_str());
        let expected = tungstenite::handshake::derive_accept_key(key.as_bytes());
        if accepted != Some(expected) || protocol.as_deref() != Some(wharf_arm::exec::PROTOCOL) {
            let message = format!("the daemon does not speak {}", wharf_arm::exec::PROTOCOL);
            return Err(CliError::Internal(message));
        }
        let stream = response.upgrade().await.map_err(|error| self.unreachable(&error))?;
        Ok(Socket::from_raw_socket(stream, tungstenite::protocol::Role::Client, None).await)
    }

    /// What to say when a connection ends that should not have.
    pub(crate) fn lost(&self, reason: &str) -> CliError {
        let (endpoint, reason) = (self.endpoint.to_string(), reason.to_owned());
        CliError::Connection { endpoint, reason, hint: None }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, CliError> {
        // Others wait for registries, for grace periods, for disks.
        let limit = Duration::from_mins(if method == Method::GET { 1 } else { 15 });
        let limit = Some(limit);
        let response = self.exchange(method, path, body, limit).await?;
        if !response.status().is_success() {
            return Err(read_error(response).await);
        }
        let status = response.status().as_u16();
        let operation = header_text(&response, "azure-asyncoperation");
        let operation = operation.as_deref().map(path_of).transpose()?;
        let bytes = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        let body = if bytes.iter().all(u8::is_ascii_whitespace) {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).map_err(|error| {
                CliError::Internal(format!("the answer of {path} is not JSON: {error}"))
            })?
        };
        Ok(Answer { status, operation, body })
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        limit: Option<Duration>,
    ) -> Result<reqwest::Response, CliError> {
        let started = Instant::now();
        let url = format!("{}{path}", self.endpoint.base());
        let mut request =
            self.http.request(method.clone(), url).header(header::ACCEPT, "application/json");
        if let Some(limit) = limit {
            request = request.timeout(limit);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        request = match body {
            Some(body) => request.json(body),
            // Some servers want a length with every POST.
            None if method == Method::POST => request.header(header::CONTENT_LENGTH, 0),
            None => request,
        };
        let result = request.send().await;
        if self.verbose {
            let outcome = match &result {
                Ok(response) => response.status().as_u16().to_string(),
                Err(_) => "no answer".to_owned(),
            };
            output::note(&format!("{method} {path} → {outcome} in {:?}", started.elapsed()));
        }
        result.map_err(|error| self.unreachable(&error))
    }

    fn unreachable(&self, error: &reqwest::Error) -> CliError {
        let reason = innermost(error);
        let hint = match &self.endpoint {
            Endpoint::Unix(_) if reason.contains("Permission denied") => {
                Some("the socket belongs to root: use sudo, or --endpoint https://… with a token")
            }
            Endpoint::Unix(_) => Some("is the daemon running? start it with `wharf serve`"),
            Endpoint::Https(_) if chain(error).to_lowercase().contains("certificate") => {
                Some("pass the daemon's certificate authority with --ca D/tls/ca.pem")
            }
            Endpoint::Https(_) => Some("check --endpoint and that the daemon is running"),
        };
        CliError::Connection {
            endpoint: self.endpoint.to_string(),
            reason,
            hint: hint.map(str::to_owned),
        }
    }
}

/// The last cause says what happened; those above it say which library was in between.
fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".into();
    }
    let mut cause: &(dyn std::error::Error + 'static) = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn trust(
    builder: reqwest::ClientBuilder,
    globals: &Globals,
) -> Result<reqwest::ClientBuilder, CliError> {
    if let Some(path) = &globals.ca {
        let pem = fs_err::read(path).map_err(|error| CliError::usage(error.to_string()))?;
        return Ok(builder.tls_certs_only(certificates(path.as_str(), &pem)?));
    }
    match fs_err::read(LOCAL_CA) {
        Ok(pem) => Ok(builder.tls_certs_merge(certificates(LOCAL_CA, &pem)?)),
        Err(_) => Ok(builder),
    }
}

fn certificates(path: &str, pem: &[u8]) -> Result<Vec<Certificate>, CliError> {
    match Certificate::from_pem_bundle(pem) {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(CliError::usage(format!("{path} holds no certificate"))),
        Err(error) => Err(CliError::usage(format!("{path} is not PEM: {}", chain(&error)))),
    }
}

fn token(globals: &Globals) -> Result<Option<String>, CliError> {
    let text = match &globals.token_file {
        Some(path) => {
            Some(fs_err::read_to_string(path).map_err(|error| CliError::usage(error.to_string()))?)
        }
        None => std::env::var("WHARF_TOKEN").ok(),
    };
    Ok(text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
}

/// Links are absolute with a host that may be known by another name here, and a token must never
/// go to another host: only path and query count.
fn path_of(link: &str) -> Result<String, CliError> {
    if link.starts_with('/') {
        return Ok(link.to_owned());
    }
    let url = reqwest::Url::parse(link)
        .map_err(|error| CliError::Internal(format!("the daemon's link '{link}': {error}")))?;
    Ok(url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path())))
}

fn header_text(response: &reqwest::Response, name: &str) -> Option<String> {
    response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

async fn read_error(response: reqwest::Response) -> CliError {
    let status = response.status();
    let request_id = header_text(&response, "x-ms-request-id");
    let bytes = response.bytes().await.unwrap_or_default();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let mut error = api_error(&body, status.as_u16());
    if error.code.is_empty() {
        let reason = status.canonical_reason().unwrap_or("unknown status");
        error.code = format!("HTTP {}", status.as_u16());
        reason.clone_into(&mut error.message);
    }
    CliError::Api(ApiError { request_id, ..error })
}

/// `{"error":{code,message,target}}`, of an answer or of a failed operation.
pub(crate) fn api_error(body: &Value, status: u16) -> ApiError {
    let text = |name: &str| {
        body.pointer(&format!("/error/{name}")).and_then(Value::as_str).map(str::to_owned)
    };
    ApiError {
        status,
        code: text("code").unwrap_or_default(),
        message: text("message").unwrap_or_default(),
        target: text("target"),
        request_id: None,
    }
}

async fn next_line(
    response: &mut reqwest::Response,
    buffer: &mut Vec<u8>,
    endpoint: &str,
) -> Result<Option<Value>, CliError> {
    loop {
        let end = buffer.iter().position(|byte| *byte == b'\n');
        if let Some(end) = end {
            let line: Vec<u8> = buffer.drain(..=end).collect();
            if let Some(value) = parse_line(&line)? {
                return Ok(Some(value));
            }
            continue;
        }
        match response.chunk().await {
            Ok(Some(chunk)) => buffer.extend_from_slice(&chunk),
            Ok(None) => return parse_line(&std::mem::take(buffer)),
            Err(error) => {
                return Err(CliError::Connection {
                    endpoint: endpoint.to_owned(),
                    reason: innermost(&error),
                    hint: None,
                });
            }
        }
    }
}

fn parse_line(line: &[u8]) -> Result<Option<Value>, CliError> {
    if line.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    serde_json::from_slice(line)
        .map(Some)
        .map_err(|error| CliError::Internal(format!("a line of the answer is not JSON: {error}")))
}

/// A value as one segment of a path or one value of a query.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let digit = |nibble: u8| char::from(b"0123456789ABCDEF"[usize::from(nibble)]);
            escaped.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_keep_path_and_query_only() {
        assert_eq!(path_of("https://evil.example/a/b?c=d").unwrap(), "/a/b?c=d");
        assert_eq!(path_of("/a?b").unwrap(), "/a?b");
        assert!(path_of("nonsense").is_err());
        assert_eq!(escape("a/../b c"), "a%2F..%2Fb%20c");
    }
}
