//! Passing a query on to the servers that the host asks.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use camino::Utf8Path;
use tokio::net::{TcpStream, UdpSocket};

use super::{MESSAGE_MAX, Transport, read_framed, write_framed};

/// How long one server may take; resolvers inside groups give up after 5 s and ask again.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where systemd-resolved, which may well ask us in turn, says whom it asks.
const BEHIND_RESOLVED: &str = "/run/systemd/resolve/resolv.conf";
/// The address of systemd-resolved.
const RESOLVED: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 53));

/// The host's servers as of now, but not ourselves: the host may ask us as well.
pub(super) fn servers(resolv_conf: &Utf8Path, own: Ipv4Addr) -> Vec<SocketAddr> {
    let read = |path: &Utf8Path| parse(&fs_err::read_to_string(path).unwrap_or_default(), own);
    let servers = read(resolv_conf);
    if servers.iter().all(|server| server.ip() != RESOLVED) {
        return servers;
    }
    match read(Utf8Path::new(BEHIND_RESOLVED)) {
        behind if behind.is_empty() => servers,
        behind => behind,
    }
}

fn parse(text: &str, own: Ipv4Addr) -> Vec<SocketAddr> {
    let server = |line: &str| {
        let mut words = line.split_whitespace();
        let is_server = words.next() == Some("nameserver");
        let address = words.next()?.parse::<IpAddr>().ok()?;
        (is_server && address != IpAddr::V4(own)).then_some(SocketAddr::new(address, 53))
    };
    text.lines().filter_map(server).collect()
}

/// The first answer; `None` when no server gives one.
pub(super) async fn ask(servers: &[SocketAddr], query: &[u8], over: Transport) -> Option<Vec<u8>> {
    for server in servers {
        let asked = async {
            match over {
                Transport::Udp => ask_datagram(*server, query).await,
                Transport::Tcp => ask_stream(*server, query).await,
            }
        };
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => tracing::debug!(%server, %error, "a name server failed"),
            Err(_) => tracing::debug!(%server, "a name server does not answer"),
        }
    }
    None
}

/// From a port of its own for every query, so that nobody else can guess where to answer.
async fn ask_datagram(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(query).await?;
    let mut buffer = vec![0; MESSAGE_MAX];
    loop {
        let length = socket.recv(&mut buffer).await?;
        // Anything else is a stray or a forgery.
        if length > 12 && buffer.get(..2) == query.get(..2) && buffer[2] & 0x80 != 0 {
            buffer.truncate(length);
            return Ok(buffer);
        }
    }
}

async fn ask_stream(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    write_framed(&mut stream, query).await?;
    read_framed(&mut stream).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_servers_are_asked_in_order_and_never_ourselves() {
        let own = Ipv4Addr::new(10, 203, 0, 1);
        let text = "# x\nnameserver 10.203.0.1\nnameserver 127.0.0.53\nsearch lan\n\
                    nameserver\t2001:db8::1 \noptions nameserver 1.1.1.1\n";
        let found: Vec<String> = parse(text, own).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["127.0.0.53:53", "[2001:db8::1]:53"]);
    }
}
