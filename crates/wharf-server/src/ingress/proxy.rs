//! Passing a request on to a group, and what comes back.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    body::Body,
    extract::Request,
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header,
        uri::Authority,
    },
    response::{IntoResponse as _, Response},
};
use futures::future::BoxFuture;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo, TokioTimer},
};

/// How long a group may take to take a connection.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long an unused connection to a group is kept.
const IDLE_MAX: Duration = Duration::from_secs(10);
/// What is about one connection only, and what only this front can know.
static NOT_PASSED: [HeaderName; 12] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::FORWARDED,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
];

/// Who is behind a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A port that answers.
    Ready(SocketAddr),
    /// A group, none of whose containers answers now.
    NotReady,
    /// No group.
    Nobody,
}

/// Finds out who is behind a name.
pub(super) type FindFn = dyn Fn(&str) -> BoxFuture<'static, Found> + Send + Sync;

/// Passes requests on.
pub(super) struct Proxy {
    find: Arc<FindFn>,
    plain: Client<HttpConnector, Body>,
    /// For gRPC, which is nothing without HTTP/2.
    http2: Client<HttpConnector, Body>,
}

impl Proxy {
    pub(super) fn new(find: Arc<FindFn>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_MAX));
        connector.set_nodelay(true);
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_idle_timeout(IDLE_MAX).pool_timer(TokioTimer::new());
        let plain = builder.build(connector.clone());
        let http2 = builder.http2_only(true).build(connector);
        Self { find, plain, http2 }
    }

    /// Answers a request of a client with what its group says.
    pub(super) async fn forward(&self, mut request: Request, peer: IpAddr) -> Response {
        let Some(host) = host_of(&request) else {
            return refusal(StatusCode::BAD_REQUEST, "The request names no host.");
        };
        let name = host.host().trim_end_matches('.').to_ascii_lowercase();
        let to = match (self.find)(&name).await {
            Found::Ready(to) => to,
            Found::NotReady => {
                let mut response =
                    refusal(StatusCode::SERVICE_UNAVAILABLE, "The container group is not ready.");
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
                return response;
            }
            Found::Nobody => return refusal(StatusCode::NOT_FOUND, "There is no such host here."),
        };
        let upgrade = wanted_upgrade(&request);
        let from_client = upgrade.is_some().then(|| hyper::upgrade::on(&mut request));
        let is_grpc = is_grpc(&request);
        let Some(mut request) = outgoing(request, (&host, to), peer, upgrade.as_ref()) else {
            return refusal(StatusCode::BAD_REQUEST, "The request's path is none.");
        };
        if is_grpc {
            // The URI says it there, and trailers are asked for of every server on the way.
            request.headers_mut().remove(header::HOST);
            request.headers_mut().insert(header::TE, HeaderValue::from_static("trailers"));
        }
        let client = if is_grpc { &self.http2 } else { &self.plain };
        let mut response = match client.request(request).await {
            Ok(response) => response,
            Err(error) => {
                let error = wharf_model::error::chain(&error);
                tracing::debug!(error, host = name, "a group did not answer a client");
                return refusal(StatusCode::BAD_GATEWAY, "The container group did not answer.");
            }
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let Some(from_client) = from_client else {
                let message = "The container group changed the protocol unasked.";
                return refusal(StatusCode::BAD_GATEWAY, message);
            };
            let from_group = hyper::upgrade::on(&mut response);
            tokio::spawn(connect(from_client, from_group));
            return response.map(Body::new);
        }
        let (mut parts, body) = response.into_parts();
        remove_not_passed(&mut parts.headers);
        parts.version = Version::default();
        Response::from_parts(parts, Body::new(body))
    }
}

/// Passes on whatever comes from either side, until both have ended.
async fn connect(client: hyper::upgrade::OnUpgrade, group: hyper::upgrade::OnUpgrade) {
    match futures::future::try_join(client, group).await {
        Ok((client, group)) => {
            let (mut client, mut group) = (TokioIo::new(client), TokioIo::new(group));
            // Either side may end as it likes.
            drop(tokio::io::copy_bidirectional(&mut client, &mut group).await);
        }
        Err(error) => tracing::debug!(%error, "changing the protocol with a group failed"),
    }
}

/// Whom the client means: HTTP/2 says it in the URI, HTTP/1 in a header.
fn host_of(request: &Request) -> Option<Authority> {
    let header = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    request.uri().authority().cloned().or_else(|| header?.parse().ok())
}

/// What the client wants to speak instead of HTTP/1.1.
fn wanted_upgrade(request: &Request) -> Option<HeaderValue> {
    let connection = request.headers().get(header::CONNECTION)?.to_str().ok()?;
    let is_meant = connection.split(',').any(|word| word.trim().eq_ignore_ascii_case("upgrade"));
    let protocol = request.headers().get(header::UPGRADE)?.clone();
    (is_meant && request.version() == Version::HTTP_11).then_some(protocol)
}

fn is_grpc(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    request.version() == Version::HTTP_2
        && request.method() == Method::POST
        && kind.is_some_and(|kind| kind.starts_with(b"application/grpc"))
}

/// The request as the group gets it.
fn outgoing(
    request: Request,
    (host, to): (&Authority, SocketAddr),
    peer: IpAddr,
    upgrade: Option<&HeaderValue>,
) -> Option<Request> {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = Uri::builder()
        .scheme("http")
        .authority(to.to_string())
        .path_and_query(path)
        .build()
        .ok()?;
    remove_not_passed(&mut parts.headers);
    join_cookies(&mut parts.headers);
    parts.version = Version::HTTP_11;
    let headers = &mut parts.headers;
    let text = |text: &str| HeaderValue::from_str(text).ok();
    headers.insert(header::HOST, text(host.as_str())?);
    headers.insert("x-forwarded-for", text(&peer.to_string())?);
    headers.insert("x-forwarded-host", text(host.as_str())?);
    headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
    if let Some(upgrade) = upgrade {
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, upgrade.clone());
    }
    Some(Request::from_parts(parts, body))
}

fn remove_not_passed(headers: &mut HeaderMap) {
    // What a `Connection` names is about the connection as well.
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&NOT_PASSED) {
        headers.remove(name);
    }
}

/// HTTP/2 may send them one by one, HTTP/1 must not.
fn join_cookies(headers: &mut HeaderMap) {
    let all: Vec<&[u8]> =
        headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if all.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&all.join(&b"; "[..]))
    {
        headers.insert(header::COOKIE, joined);
    }
}

fn refusal(status: StatusCode, message: &'static str) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (status, kind, format!("{message}\n")).into_response()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum::body::to_bytes;
    use tokio::net::TcpListener;

    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

    /// A group that answers with what it was sent: version, path, headers.
    async fn group() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = axum::Router::new().fallback(|request: Request| async move {
            let mut lines = vec![format!("{:?} {}", request.version(), request.uri().path())];
            for (name, value) in request.headers() {
                lines.push(format!("{name}: {}", value.to_str().unwrap()));
            }
            ([("keep-alive", "timeout=5"), ("x-own", "kept")], lines.join("\n"))
        });
        tokio::spawn(async move { axum::serve(listener, routes).await });
        address
    }

    fn proxy(found: Found) -> Proxy {
        Proxy::new(Arc::new(move |host: &str| {
            let found = if host == "web.local.test" { found } else { Found::Nobody };
            Box::pin(std::future::ready(found))
        }))
    }

    async fn ask(found: Found, request: Request) -> (StatusCode, HeaderMap, String) {
        let response = proxy(found).forward(request, CLIENT).await;
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    fn request(host: &str) -> axum::http::request::Builder {
        Request::builder().uri("/a?b=c").header(header::HOST, host)
    }

    #[tokio::test]
    async fn a_group_gets_what_the_client_said_and_who_it_is() {
        let found = Found::Ready(group().await);
        let asked = request("Web.Local.Test.:8443")
            .header("x-forwarded-for", "1.2.3.4")
            .header("connection", "x-hop")
            .header("x-hop", "1")
            .header("cookie", "a=1")
            .header("cookie", "b=2");
        let (status, headers, told) = ask(found, asked.body(Body::empty()).unwrap()).await;
        assert_eq!(status, StatusCode::OK);
        assert!(
            headers.contains_key("x-own") && !headers.contains_key("keep-alive"),
            "{headers:?}"
        );
        for line in [
            "HTTP/1.1 /a",
            "host: Web.Local.Test.:8443",
            "x-forwarded-for: 192.0.2.7",
            "x-forwarded-proto: https",
            "cookie: a=1; b=2",
        ] {
            assert!(told.lines().any(|told| told == line), "{line} in\n{told}");
        }
        assert!(!told.contains("1.2.3.4") && !told.contains("x-hop"), "{told}");
    }

    #[tokio::test]
    async fn grpc_is_spoken_over_http2_to_the_group_as_well() {
        let asked = Request::builder()
            .method(Method::POST)
            .version(Version::HTTP_2)
            .uri("https://web.local.test/pkg.Service/Method")
            .header(header::CONTENT_TYPE, "application/grpc+proto");
        let asked = asked.body(Body::empty()).unwrap();
        let (status, _, told) = ask(Found::Ready(group().await), asked).await;
        assert_eq!(status, StatusCode::OK);
        assert!(told.starts_with("HTTP/2.0 /pkg.Service/Method\n"), "{told}");
        assert!(told.contains("te: trailers"), "{told}");
    }

    #[tokio::test]
    async fn whoever_is_not_there_is_told_apart() {
        let ask = async |found, host: &str| {
            ask(found, request(host).body(Body::empty()).unwrap()).await.0
        };
        let nothing = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        assert_eq!(ask(Found::NotReady, "web.local.test").await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(ask(Found::NotReady, "other.local.test").await, StatusCode::NOT_FOUND);
        assert_eq!(ask(Found::Ready(nothing), "web.local.test").await, StatusCode::BAD_GATEWAY);
        let without = Request::builder().uri("/").body(Body::empty()).unwrap();
        let response = proxy(Found::NotReady).forward(without, CLIENT).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    }
}
