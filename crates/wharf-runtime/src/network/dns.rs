//! The name server: it knows the names of groups, and is the resolver inside them.
//!
//! It listens on the gateway's address. Names below the suffix are answered from what the store
//! says at that moment, everything else is passed on as it is to the servers that the host itself
//! asks, so that nothing of an answer is lost. Whoever is neither a group nor this host gets no
//! more than the names of groups: this is no resolver for the world.

mod answer;
mod upstream;

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use camino::Utf8PathBuf;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::Semaphore,
};
use wharf_model::network::Pools;

use answer::Next;

/// Queries under way at once; more wait for their turn or, as datagrams, are lost.
const QUERIES_MAX: usize = 512;
/// How long a connection may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// The longest message there is.
const MESSAGE_MAX: usize = 65_535;

/// Below this label a group in a virtual network finds the others there by their own names. No
/// region is called so: those have letters and digits only.
pub const NEIGHBOURS: &str = "virtual-network";

/// What is at a name below the suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A group's addresses.
    Address(Ipv4Addr, Option<Ipv6Addr>),
    /// Nothing itself, but there are names below it.
    Parent,
    /// Nothing.
    Nothing,
}

/// Who asks, and for which name (without the suffix, lower case); the error is for the log.
pub type LookupFn = dyn Fn(IpAddr, &str) -> Result<Found, String> + Send + Sync;

/// What is at which name.
#[derive(Clone)]
pub struct Names {
    /// What all names end with.
    pub suffix: String,
    /// Finds what is at a name; may block on a disk.
    pub lookup: Arc<LookupFn>,
    /// Where the host says whom it asks: `/etc/resolv.conf`.
    pub resolv_conf: Utf8PathBuf,
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Names(*.{})", self.suffix)
    }
}

/// The server; cheap to clone.
#[derive(Clone, Debug)]
struct Server {
    names: Names,
    pools: Pools,
    own: Ipv4Addr,
    limit: Arc<Semaphore>,
}

/// Answers on port 53 of an address until the runtime ends.
pub(super) async fn start(names: Names, pools: Pools, own: Ipv4Addr) -> io::Result<()> {
    let at = SocketAddr::from((own, 53));
    let (udp, tcp) = (Arc::new(UdpSocket::bind(at).await?), TcpListener::bind(at).await?);
    let limit = Arc::new(Semaphore::new(QUERIES_MAX));
    let server = Server { names, pools, own, limit };
    tokio::spawn(server.clone().serve_udp(udp));
    tokio::spawn(server.serve_tcp(tcp));
    Ok(())
}

impl Server {
    async fn serve_udp(self, socket: Arc<UdpSocket>) {
        let mut buffer = vec![0; MESSAGE_MAX];
        loop {
            // An error here is that of an earlier answer which nobody wanted.
            let Ok((length, peer)) = socket.recv_from(&mut buffer).await else { continue };
            let Ok(permit) = Arc::clone(&self.limit).try_acquire_owned() else { continue };
            let (server, socket) = (self.clone(), Arc::clone(&socket));
            let query = buffer[..length].to_vec();
            tokio::spawn(async move {
                let _permit = permit;
                if let Some(answer) = server.answer(peer.ip(), query, Transport::Udp).await
                    && let Err(error) = socket.send_to(&answer, peer).await
                {
                    tracing::debug!(%error, %peer, "answering a name query failed");
                }
            });
        }
    }

    async fn serve_tcp(self, listener: TcpListener) {
        loop {
            let Ok(permit) = Arc::clone(&self.limit).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let server = self.clone();
                    tokio::spawn(async move {
                        let _permit = permit;
                        // Who hangs up or falls silent has had what it wanted.
                        drop(server.converse(stream, peer.ip()).await);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "accepting a name query failed");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn converse(&self, mut stream: TcpStream, peer: IpAddr) -> io::Result<()> {
        while let Ok(query) = tokio::time::timeout(SILENCE_MAX, read_framed(&mut stream)).await {
            let Some(answer) = self.answer(peer, query?, Transport::Tcp).await else { break };
            write_framed(&mut stream, &answer).await?;
        }
        Ok(())
    }

    /// The answer to a query; `None` to what deserves none.
    async fn answer(&self, peer: IpAddr, query: Vec<u8>, over: Transport) -> Option<Vec<u8>> {
        let names = self.names.clone();
        let next = tokio::task::spawn_blocking(move || {
            let next = answer::answer(&names, peer, &query)?;
            Some((next, query))
        });
        match next.await.ok()?? {
            (Next::Say(message), _) => Some(message),
            (Next::Ask { refusal, .. }, _) if !self.is_ours(peer) => Some(refusal),
            (Next::Ask { failure, .. }, query) => {
                let servers = upstream::servers(&self.names.resolv_conf, self.own);
                Some(upstream::ask(&servers, &query, over).await.unwrap_or(failure))
            }
        }
    }

    fn is_ours(&self, peer: IpAddr) -> bool {
        match peer {
            IpAddr::V4(peer) => self.pools.contains(peer) || peer.is_loopback(),
            IpAddr::V6(_) => false,
        }
    }
}

/// How a query came, and is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Udp,
    Tcp,
}

async fn read_framed(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut message = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

async fn write_framed(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), message].concat()).await
}
