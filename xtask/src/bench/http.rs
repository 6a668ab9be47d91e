//! Just enough HTTP/1.1 to time requests on a Unix socket without a client's own cost.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// An answer.
pub(super) struct Answer {
    head: String,
    pub(super) body: Value,
}

impl Answer {
    /// A header, by its lower-case name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// One request on a connection of its own; anything but success is an error.
pub(super) fn request(
    socket: &Path,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Result<Answer> {
    let mut stream = UnixStream::connect(socket).context("connect to the daemon")?;
    let body = body.map(Value::to_string).unwrap_or_default();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").context("no head")?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    ensure!(status.starts_with('2'), "{method} {path}: {head}\n{body}");
    Ok(Answer { head: head.to_owned(), body: serde_json::from_str(body).unwrap_or_default() })
}
