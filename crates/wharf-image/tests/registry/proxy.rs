//! A proxy in front of a registry that does harm as it is told, and remembers what was asked.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

/// What is done to an answer.
#[derive(Clone, Debug)]
pub(crate) enum Harm {
    /// The body ends after so many bytes.
    Cut(usize),
    /// Nothing comes after so many bytes, and the connection stays.
    Stall(usize),
    /// Every piece of so many bytes comes after a pause.
    Slow(usize, Duration),
    /// Another answer: status line and more headers.
    Status(&'static str, &'static str),
    /// So many bytes more, and the length says so.
    Longer(usize),
    /// A byte is another one.
    Flip(usize),
    /// Sent elsewhere; `None`: here again.
    Redirect(Option<String>),
    /// Another body.
    Body(Vec<u8>),
    /// The request's range is not passed on.
    NoRange,
}

struct Rule {
    path: String,
    times: usize,
    harm: Harm,
}

#[derive(Default)]
struct Shared {
    rules: Vec<Rule>,
    log: Vec<String>,
}

/// A running proxy.
pub(crate) struct Proxy {
    pub(crate) address: String,
    shared: Arc<Mutex<Shared>>,
}

impl Proxy {
    pub(crate) fn before(registry: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Mutex::new(Shared::default()));
        let (upstream, state) = (registry.to_owned(), Arc::clone(&shared));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (upstream, state) = (upstream.clone(), Arc::clone(&state));
                // A client that goes away ends the thread; nobody minds.
                std::thread::spawn(move || drop(serve(client.unwrap(), &upstream, &state)));
            }
        });
        Self { address, shared }
    }

    /// Does harm to the next answers to paths with this in them.
    pub(crate) fn harm(&self, path: &str, times: usize, harm: Harm) {
        let rule = Rule { path: path.to_owned(), times, harm };
        self.shared.lock().unwrap().rules.push(rule);
    }

    /// Heads of all requests with this in their path.
    pub(crate) fn heads(&self, path: &str) -> Vec<String> {
        let shared = self.shared.lock().unwrap();
        let first = |head: &String| head.lines().next().unwrap_or_default().contains(path);
        shared.log.iter().filter(|head| first(head)).cloned().collect()
    }
}

fn head(stream: &mut TcpStream) -> std::io::Result<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn serve(mut client: TcpStream, upstream: &str, shared: &Mutex<Shared>) -> std::io::Result<()> {
    let head = head(&mut client)?;
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let harm = {
        let mut shared = shared.lock().unwrap();
        shared.log.push(head.clone());
        let found = shared.rules.iter_mut().find(|r| r.times > 0 && path.contains(&r.path));
        found.map(|rule| {
            rule.times -= 1;
            rule.harm.clone()
        })
    };
    match harm {
        Some(Harm::Status(status, headers)) => {
            let end = "content-length: 0\r\nconnection: close\r\n\r\n";
            write!(client, "HTTP/1.1 {status}\r\n{headers}{end}")
        }
        Some(Harm::Redirect(to)) => {
            let to = to.unwrap_or(path);
            let end = "content-length: 0\r\nconnection: close\r\n\r\n";
            write!(client, "HTTP/1.1 307 Go\r\nlocation: {to}\r\n{end}")
        }
        Some(Harm::Body(body)) => answer(&mut client, "HTTP/1.1 200 OK\r\n", &body),
        harm => pass(&mut client, &head, upstream, harm.as_ref()),
    }
}

#[expect(clippy::disallowed_methods, reason = "to be slow is the point")]
fn pass(
    client: &mut TcpStream,
    head: &str,
    upstream: &str,
    harm: Option<&Harm>,
) -> std::io::Result<()> {
    let mut server = TcpStream::connect(upstream)?;
    let keeps_range = !matches!(harm, Some(Harm::NoRange));
    for line in head.lines().filter(|line| !line.is_empty()) {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        if name != "connection" && (keeps_range || name != "range") {
            write!(server, "{line}\r\n")?;
        }
    }
    write!(server, "connection: close\r\n\r\n")?;
    let mut whole = Vec::new();
    server.read_to_end(&mut whole)?;
    let end = whole.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
    let mut body = whole.split_off(end);
    let head = String::from_utf8_lossy(&whole).into_owned();
    match harm {
        Some(Harm::Cut(bytes)) => {
            client.write_all(&[&whole, &body[..(*bytes).min(body.len())]].concat())
        }
        Some(Harm::Stall(bytes)) => {
            client.write_all(&[&whole, &body[..(*bytes).min(body.len())]].concat())?;
            // Until the client has had enough.
            client.read_to_end(&mut Vec::new()).map(drop)
        }
        Some(Harm::Slow(bytes, pause)) => {
            client.write_all(&whole)?;
            for piece in body.chunks(*bytes) {
                client.write_all(piece)?;
                std::thread::sleep(*pause);
            }
            Ok(())
        }
        Some(Harm::Longer(bytes)) => {
            body.extend(vec![0; *bytes]);
            answer(client, "HTTP/1.1 200 OK\r\n", &body)
        }
        Some(Harm::Flip(at)) => {
            body[*at] ^= 0xff;
            client.write_all(&[&whole, body.as_slice()].concat())
        }
        _ => client.write_all(&[head.as_bytes(), &body].concat()),
    }
}

fn answer(client: &mut TcpStream, status: &str, body: &[u8]) -> std::io::Result<()> {
    write!(client, "{status}content-length: {}\r\nconnection: close\r\n\r\n", body.len())?;
    client.write_all(body)
}
