//! Listening: HTTPS on a TCP port, plain HTTP on the Unix socket.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::Request};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;
use wharf_model::network::Pools;

use super::router::rewrite;
use crate::{auth::Peer, deployments::Routes};

/// How long a client may take to shake hands.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// How long requests may take to end after the daemon is told to.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// Where requests come in.
pub(crate) struct Listeners {
    pub(crate) tcp: TcpListener,
    /// Where the firewall leads groups that ask for the API.
    pub(crate) groups: TcpListener,
    /// The addresses that groups can have.
    pub(crate) pools: Pools,
    pub(crate) tls: Arc<rustls::ServerConfig>,
    pub(crate) unix: UnixListener,
}

/// Serves until `stop`, then lets requests under way end.
pub(crate) async fn serve(listeners: Listeners, router: Router, stop: CancellationToken) {
    let acceptor = TlsAcceptor::from(listeners.tls);
    let connections = TaskTracker::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Ok((stream, _)) = listeners.unix.accept() => {
                let uid = stream.peer_cred().map_or(u32::MAX, |peer| peer.uid());
                let peer = Peer::Local { uid };
                connections.spawn(connection(stream, router.clone(), peer, stop.clone()));
            }
            Ok((stream, _)) = listeners.tcp.accept() => {
                let (acceptor, router, stop) = (acceptor.clone(), router.clone(), stop.clone());
                connections.spawn(remote(stream, acceptor, router, stop));
            }
            Ok((stream, peer)) = listeners.groups.accept() => {
                // Not for machines that route their packets to this host.
                if matches!(peer.ip(), IpAddr::V4(address) if listeners.pools.contains(address)) {
                    let (acceptor, router, stop) = (acceptor.clone(), router.clone(), stop.clone());
                    connections.spawn(remote(stream, acceptor, router, stop));
                }
            }
        }
    }
    connections.close();
    drop(tokio::time::timeout(DRAIN_MAX, connections.wait()).await);
}

async fn remote(stream: TcpStream, acceptor: TlsAcceptor, router: Router, stop: CancellationToken) {
    drop(stream.set_nodelay(true));
    let shaken = tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await;
    if let Ok(Ok(stream)) = shaken {
        connection(stream, router, Peer::Remote, stop).await;
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    peer: Peer,
    stop: CancellationToken,
) {
    let all = Routes(router.clone());
    let service = router.map_request(move |request: Request<Incoming>| {
        let mut request = rewrite(request.map(Body::new));
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(all.clone());
        request
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let serving = builder
        .serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        result = serving.as_mut() => {
            if let Err(error) = result {
                tracing::debug!(error, "connection ended badly");
            }
            return;
        }
        () = stop.cancelled() => serving.as_mut().graceful_shutdown(),
    }
    drop(serving.await);
}
