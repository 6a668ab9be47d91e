//! The HTTPS front: `https://<fqdn>` of a group is led to its port, whatever certificate the group
//! itself has or has not.
//!
//! hyper-util and rustls do the work, as they do for the API: they are what this daemon speaks HTTP
//! with anyway, pass upgrades and trailers, and bring no second runtime or configuration along.

mod certificates;
mod proxy;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{body::Body, extract::Request};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::LazyConfigAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use wharf_model::spec::Protocol;

pub(crate) use self::certificates::Certificates;
use self::proxy::{Found, Proxy};
use crate::{app::App, names};

/// How long a client may take to shake hands.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// How long requests may take to end after the daemon is told to.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// The front, listening.
pub(crate) struct Ingress {
    pub(crate) listener: TcpListener,
    pub(crate) certificates: Certificates,
}

/// What every connection needs.
struct Front {
    app: App,
    certificates: Certificates,
    proxy: Proxy,
}

/// Serves until `stop`, then lets requests under way end.
pub(crate) async fn serve(ingress: Ingress, app: App, stop: CancellationToken) {
    let Ingress { listener, certificates } = ingress;
    let finding = app.clone();
    let proxy = Proxy::new(Arc::new(move |host: &str| {
        let (app, host) = (finding.clone(), host.to_owned());
        Box::pin(async move { find(&app, &host).await })
    }));
    let front = Arc::new(Front { app, certificates, proxy });
    let connections = TaskTracker::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let (front, stop) = (Arc::clone(&front), stop.clone());
                    connections.spawn(connection(front, stream, peer, stop));
                }
                Err(error) => {
                    tracing::warn!(%error, "accepting a connection to a group failed");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    connections.close();
    drop(tokio::time::timeout(DRAIN_MAX, connections.wait()).await);
}

async fn connection(
    front: Arc<Front>,
    stream: TcpStream,
    peer: SocketAddr,
    stop: CancellationToken,
) {
    drop(stream.set_nodelay(true));
    let shaken = tokio::time::timeout(HANDSHAKE_MAX, shake_hands(&front, stream)).await;
    let stream = match shaken {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "no TLS with a client of a group");
            return;
        }
        Err(_) => return,
    };
    let address = peer.ip().to_canonical();
    let service = service_fn(move |request: Request<Incoming>| {
        let front = Arc::clone(&front);
        async move { Ok::<_, std::convert::Infallible>(answer(&front, request, address).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder.http2().timer(TokioTimer::new());
    let serving = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        result = serving.as_mut() => {
            if let Err(error) = result {
                tracing::debug!(error, "a connection to a group ended badly");
            }
            return;
        }
        () = stop.cancelled() => serving.as_mut().graceful_shutdown(),
    }
    drop(serving.await);
}

async fn answer(
    front: &Front,
    request: Request<Incoming>,
    peer: IpAddr,
) -> axum::response::Response {
    front.proxy.forward(request.map(Body::new), peer).await
}

/// With a certificate of the name that the client asks for: there is one for names of groups only.
async fn shake_hands(
    front: &Front,
    stream: TcpStream,
) -> io::Result<tokio_rustls::server::TlsStream<TcpStream>> {
    let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
    let name = start.client_hello().server_name().map(str::to_ascii_lowercase);
    let config = match (front.certificates.given(), name) {
        (Some(given), _) => given,
        (None, Some(name)) if address_of(&front.app, &name).await.is_some() => {
            front.certificates.of(&name, front.app.clock.now()).map_err(io::Error::other)?
        }
        (None, name) => {
            let message = format!("there is no group at {}", name.as_deref().unwrap_or("no name"));
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
    };
    start.into_stream(config).await
}

/// The address of the group with that name in full.
async fn address_of(app: &App, name: &str) -> Option<std::net::Ipv4Addr> {
    let suffix = names::suffix(&app.settings.render.dns_suffix);
    let relative = name.trim_end_matches('.').strip_suffix(&suffix)?.strip_suffix('.')?.to_owned();
    let found = app.read(move |store| store.address_of_name(&relative)).await;
    found.unwrap_or_else(|error| {
        tracing::error!(?error, name, "looking up a group for a client failed");
        None
    })
}

/// The port of a group that answers: 80 if it declares that, else the first TCP port of its address;
/// as long as the container behind it is ready.
async fn find(app: &App, host: &str) -> Found {
    let Some(address) = address_of(app, host).await else { return Found::Nobody };
    let Ok(Some(group)) = app.read(move |store| store.group_at(address)).await else {
        return Found::Nobody;
    };
    let ports = group.spec.ip_address.iter().flat_map(|address| &address.ports);
    let mut tcp: Vec<_> = ports.filter(|port| port.protocol == Protocol::Tcp).collect();
    tcp.sort_by_key(|port| port.port != 80);
    match tcp.first() {
        Some(port) if app.controller.backend().open_ports(address).contains(port) => {
            Found::Ready((address, port.port).into())
        }
        Some(_) | None => Found::NotReady,
    }
}
