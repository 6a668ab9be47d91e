//! What containers ask of `169.254.169.254`: who they are, and tokens of their identities.
//!
//! The firewall sends what groups ask of that address to a port of the gateway's that is reachable
//! in no other way. A group cannot lie about its address, so the address says who asks.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use axum::{
    Json, Router,
    extract::{ConnectInfo, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpListener;
use wharf_arm::{
    identity_token::{self, NoIdentity, Selector, Token},
    instance_metadata,
};
use wharf_model::{Error, error::chain, group::Group};
use wharf_runtime::{embedded::StartError, network::Services};

use crate::{app::App, http::ApiError, identity::audience};

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MetadataError {
    /// There is no port to be had.
    #[error("listen on {address} for what groups ask about themselves")]
    Listen {
        /// The gateway.
        address: Ipv4Addr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Groups cannot be led there.
    #[error("lead the metadata address to the daemon")]
    Redirect(#[source] StartError),
}

/// Begins to answer, until the runtime ends. The API answers groups at a port of its own.
pub(crate) async fn start(app: App, management: u16) -> Result<(), MetadataError> {
    let backend = app.controller.backend().clone();
    let address = backend.name_server();
    let failed = |source| MetadataError::Listen { address, source };
    let listener = TcpListener::bind((address, 0)).await.map_err(failed)?;
    let metadata = listener.local_addr().map_err(failed)?.port();
    let services = Services { metadata, management };
    backend.answer_groups_at(services).await.map_err(MetadataError::Redirect)?;
    let routes = Router::new()
        .route("/metadata/instance", get(instance))
        .route("/metadata/identity/oauth2/token", get(token))
        .route("/metadata/wharf/ca.pem", get(certificate_authority))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .with_state(app)
        .into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(error = chain(&error), "answering about groups has ended");
        }
    });
    Ok(())
}

#[derive(Debug, Deserialize)]
struct Params {
    #[serde(rename = "api-version")]
    api_version: Option<String>,
    resource: Option<String>,
}

type Asker = ConnectInfo<SocketAddr>;

async fn instance(
    State(app): State<App>,
    ConnectInfo(peer): Asker,
    Query(params): Query<Params>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    check(&headers, &params)?;
    Ok(Json(instance_metadata::instance(&group(&app, peer).await?)))
}

/// A token of an identity of the asker's group.
async fn token(
    State(app): State<App>,
    ConnectInfo(peer): Asker,
    (Query(params), Query(selector)): (Query<Params>, Query<Selector>),
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    check(&headers, &params)?;
    let Some(resource) = params.resource.filter(|resource| !resource.is_empty()) else {
        return Err(Refusal::Request("Required query variable 'resource' is missing"));
    };
    let group = group(&app, peer).await?;
    let id = identity_token::choose(&group.document, &selector)
        .map_err(|none| Refusal::Request(none.description()))?;
    let found = app.read(move |store| store.principal(id)).await.map_err(Refusal::failed)?;
    // The identity may have been deleted since.
    let not_found = Refusal::Request(NoIdentity::NotFound.description());
    let principal = found.ok_or(not_found)?;
    let bases = [app.settings.management.as_str(), &app.settings.address];
    let audience = audience(Some(&resource), &bases);
    let issued = app.identity.access_token(&principal, &principal.login, &audience);
    let issued = issued.map_err(Refusal::failed)?;
    Ok(Json(identity_token::render(Token {
        text: &issued.token,
        from: issued.from,
        until: issued.until,
        left: issued.until - app.identity.now().as_second(),
        resource: &resource,
    })))
}

/// Whom groups have to trust to reach the API.
async fn certificate_authority(State(app): State<App>) -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "application/x-pem-file")];
    (kind, app.settings.certificate_authority.clone())
}

/// A header that no web page can make a browser or a proxy send.
fn check(headers: &HeaderMap, params: &Params) -> Result<(), Refusal> {
    let is_meant =
        headers.get("metadata").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    if !is_meant || headers.contains_key("x-forwarded-for") {
        return Err(Refusal::Request("Required metadata header not specified"));
    }
    if params.api_version.as_ref().is_none_or(String::is_empty) {
        return Err(Refusal::Request("Required query variable 'api-version' is missing"));
    }
    Ok(())
}

/// Why somebody is not told.
enum Refusal {
    /// What is wrong with the request.
    Request(&'static str),
    /// No group has that address.
    Stranger,
    /// The store failed.
    Failed(Box<Error>),
}

impl Refusal {
    fn failed(error: Error) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Request(description) => {
                let body = Json(instance_metadata::refusal(description));
                (StatusCode::BAD_REQUEST, body).into_response()
            }
            Self::Stranger => StatusCode::FORBIDDEN.into_response(),
            Self::Failed(error) => ApiError(*error).into_response(),
        }
    }
}

async fn group(app: &App, peer: SocketAddr) -> Result<Group, Refusal> {
    let IpAddr::V4(address) = peer.ip() else { return Err(Refusal::Stranger) };
    let found = app.read(move |store| store.group_at(address)).await;
    found.map_err(Refusal::failed)?.ok_or(Refusal::Stranger)
}
