//! Listening: HTTPS on a TCP port, plain HTTP on the Unix socket.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use axum::{body::Body, extract::Request};
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
use wharf_model::network::Pools;

use super::front::Front;
use crate::auth::Peer;

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
pub(crate) async fn serve(listeners: Listeners, front: Front, stop: CancellationToken) {
    let acceptor = TlsAcceptor::from(listeners.tls);
    let connections = TaskTracker::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Ok((stream, _)) = listeners.unix.accept() => {
                let uid = stream.peer_cred().map_or(u32::MAX, |peer| peer.uid());
                let peer = (Peer::Local { uid }, Ipv4Addr::LOCALHOST.into());
                connections.spawn(connection(stream, front.clone(), peer, stop.clone()));
            }
            Ok((stream, peer)) = listeners.tcp.accept() => {
                let (acceptor, front, stop) = (acceptor.clone(), front.clone(), stop.clone());
                connections.spawn(remote((stream, peer.ip()), acceptor, front, stop));
            }
            Ok((stream, peer)) = listeners.groups.accept() => {
                // Not for machines that route their packets to this host.
                if matches!(peer.ip(), IpAddr::V4(address) if listeners.pools.contains(address)) {
                    let (acceptor, front, stop) = (acceptor.clone(), front.clone(), stop.clone());
                    connections.spawn(remote((stream, peer.ip()), acceptor, front, stop));
                }
            }
        }
    }
    connections.close();
    drop(tokio::time::timeout(DRAIN_MAX, connections.wait()).await);
}

async fn remote(
    (stream, address): (TcpStream, IpAddr),
    acceptor: TlsAcceptor,
    front: Front,
    stop: CancellationToken,
) {
    drop(stream.set_nodelay(true));
    let shaken = tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await;
    if let Ok(Ok(stream)) = shaken {
        connection(stream, front, (Peer::Remote, address), stop).await;
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    front: Front,
    peer: (Peer, IpAddr),
    stop: CancellationToken,
) {
    let service = tower::service_fn(move |request: Request<Incoming>| {
        let front = front.clone();
        async move { Ok::<_, Infallible>(front.answer(request.map(Body::new), peer).await) }
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
