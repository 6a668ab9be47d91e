//! Where requests come in.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use camino::Utf8PathBuf;
use tokio::net::{TcpListener, UnixListener};

use super::ServeError;
use crate::{config::Config, http::Listeners};

pub(super) fn socket(config: &Config) -> Utf8PathBuf {
    config.run_dir.join("wharf.sock")
}

pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let failed = |source| ServeError::Listen { address: address.to_string(), source };
    TcpListener::bind(address).await.map_err(failed)
}

pub(super) async fn listen(
    config: &Config,
    tcp: TcpListener,
    gateway: Ipv4Addr,
    tls: Arc<rustls::ServerConfig>,
) -> Result<Listeners, ServeError> {
    let groups = bind((gateway, 0).into()).await?;
    let socket = socket(config);
    let failed = |source| ServeError::Listen { address: socket.to_string(), source };
    // The lock says that no other daemon listens here.
    match fs_err::remove_file(&socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        Ok(()) | Err(_) => {}
    }
    let unix = UnixListener::bind(&socket).map_err(failed)?;
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs_err::set_permissions(&socket, private).map_err(failed)?;
    Ok(Listeners { tcp, groups, pools: config.pools, tls, unix })
}

/// How clients on this host reach what listens there.
pub(super) fn reached(tcp: &TcpListener, config: &Config) -> SocketAddr {
    let mut address = tcp.local_addr().unwrap_or(config.listen);
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    address
}
