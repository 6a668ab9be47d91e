//! One HTTP request from inside the group's network namespace to the group's own address.
//!
//! From inside, since the firewall keeps a port closed to the host as to everybody until its
//! container is ready. To the group's address, as the kubelet does: a program that listens on
//! 127.0.0.1 only could not be reached by its users either. Redirects are not followed; they count
//! as good.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpStream as StdTcpStream},
    time::Duration,
};

use nix::sched::{CloneFlags, setns};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
};
use wharf_model::spec::HttpGet;

use super::{Subject, tls};

/// Whoever asks waits no longer; this only ends the thread.
const CONNECT_MAX: Duration = Duration::from_mins(1);
/// A status line that does not come within so many bytes is none.
const HEAD_MAX: usize = 4096;

/// How the request is named to users.
pub(super) fn url(address: Ipv4Addr, get: &HttpGet) -> String {
    let scheme = if get.is_tls { "https" } else { "http" };
    format!("{scheme}://{address}:{}{}", get.port, get.path)
}

/// The status of the answer.
pub(super) async fn get(subject: &Subject, get: &HttpGet) -> Result<u16, String> {
    let address = SocketAddr::from((subject.address, get.port));
    let stream = connect(subject.pid, address)
        .await
        .map_err(|error| format!("dial tcp {address}: {}", plain(&error)))?;
    let request = request(address, get);
    let answered = if get.is_tls {
        let stream = tls::connect(subject.address, stream).await.map_err(|e| e.to_string())?;
        exchange(stream, &request).await
    } else {
        exchange(stream, &request).await
    };
    answered.map_err(|error| plain(&error))
}

/// A connection that was made in the network namespace of a process, by a thread of its own: no
/// worker of the runtime may ever be in another namespace.
async fn connect(pid: u32, address: SocketAddr) -> io::Result<TcpStream> {
    let (sender, made) = oneshot::channel();
    std::thread::Builder::new().name("probe".to_owned()).spawn(move || {
        let connect = || {
            let namespace = fs_err::File::open(format!("/proc/{pid}/ns/net"))?;
            setns(&namespace, CloneFlags::CLONE_NEWNET)?;
            StdTcpStream::connect_timeout(&address, CONNECT_MAX)
        };
        // Nobody waits any more.
        drop(sender.send(connect()));
    })?;
    let stream = made.await.map_err(io::Error::other)??;
    stream.set_nonblocking(true)?;
    TcpStream::from_std(stream)
}

fn request(address: SocketAddr, get: &HttpGet) -> String {
    let mut text = format!("GET {} HTTP/1.1\r\n", get.path);
    let host = address.to_string();
    let agent = concat!("kube-probe/1 wharf/", env!("CARGO_PKG_VERSION"));
    let defaults = [
        ("Host", host.as_str()),
        ("User-Agent", agent),
        ("Accept", "*/*"),
        ("Connection", "close"),
    ];
    let is_given = |name: &str| get.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
    let defaults = defaults.into_iter().filter(|(name, _)| !is_given(name));
    let given = get.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in defaults.chain(given) {
        text.extend([name, ": ", value, "\r\n"]);
    }
    text + "\r\n"
}

/// Sends the request and reads no further than the status.
async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &str,
) -> io::Result<u16> {
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut head = Vec::new();
    loop {
        if let Some(status) = status(&head)? {
            return Ok(status);
        }
        let mut bytes = [0; 512];
        let count = stream.read(&mut bytes).await?;
        if count == 0 || head.len() > HEAD_MAX {
            return Err(io::Error::other("EOF"));
        }
        head.extend_from_slice(&bytes[..count]);
    }
}

/// The code in `HTTP/1.1 200 …`; `None` until it is there.
fn status(head: &[u8]) -> io::Result<Option<u16>> {
    const SHAPE: &[u8] = b"HTTP/1.";
    let malformed = || io::Error::other("malformed HTTP response");
    let known = head.len().min(SHAPE.len());
    if head[..known] != SHAPE[..known] {
        return Err(malformed());
    }
    let Some(code) = head.get(SHAPE.len() + 2..SHAPE.len() + 5) else { return Ok(None) };
    let code = std::str::from_utf8(code).ok().and_then(|text| text.parse().ok());
    code.map(Some).ok_or_else(malformed)
}

/// As the kubelet words it.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connect: connection refused".to_owned(),
        io::ErrorKind::HostUnreachable => "connect: no route to host".to_owned(),
        io::ErrorKind::TimedOut => "i/o timeout".to_owned(),
        io::ErrorKind::ConnectionReset => "read: connection reset by peer".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(headers: &[(&str, &str)]) -> HttpGet {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        HttpGet { path: "/a?b".to_owned(), port: 8080, is_tls: false, headers }
    }

    #[test]
    fn a_header_of_the_user_replaces_the_usual_one() {
        let address = SocketAddr::from(([10, 0, 0, 4], 8080));
        let text = request(address, &wish(&[("host", "my.test"), ("X-A", "1")]));
        assert!(text.starts_with("GET /a?b HTTP/1.1\r\nUser-Agent: kube-probe/"), "{text}");
        assert!(text.ends_with("host: my.test\r\nX-A: 1\r\n\r\n"), "{text}");
        assert!(request(address, &wish(&[])).contains("Host: 10.0.0.4:8080\r\n"));
    }

    #[tokio::test]
    async fn the_status_is_read_however_it_arrives_and_nothing_else_is_taken_for_one() {
        for (answer, expected) in [
            ("HTTP/1.1 204 No Content\r\n\r\n", Some(204)),
            ("HTTP/1.0 500\r\n", Some(500)),
            ("SSH-2.0-OpenSSH\r\n", None),
            ("HTTP/1.1 abc", None),
            ("HTTP/1.1", None),
            ("", None),
        ] {
            let (here, mut there) = tokio::io::duplex(1024);
            let serve = async move {
                for byte in answer.as_bytes() {
                    // The client may have read enough.
                    drop(there.write_all(&[*byte]).await);
                }
                drop(there);
            };
            let (seen, ()) = tokio::join!(exchange(here, "GET"), serve);
            assert_eq!(seen.ok(), expected, "{answer}");
        }
    }
}
