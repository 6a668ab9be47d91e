//! A client that sends exactly what it is told, signed with the account's key.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{Timestamp, fmt::strtime, tz::Offset};

use crate::server::{ACCOUNT, KEY, Server};

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Status and error code.
    pub(crate) fn error(&self) -> (u16, &str) {
        (self.status, self.header("x-ms-error-code").unwrap_or_default())
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {}", self.text(), self.headers.len());
        self
    }
}

impl Server {
    /// Sends a signed request; `path` begins below the account.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let host = self.address().to_string();
        self.send_to(&host, &format!("/{ACCOUNT}"), method, path, headers, body)
    }

    /// Sends a signed request to this host; `path` begins below `account`.
    #[expect(clippy::too_many_arguments, reason = "they are all strings of one request")]
    pub(crate) fn send_to(
        &self,
        host: &str,
        account: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut headers: Vec<(String, String)> = headers
            .iter()
            .map(|(name, value)| (name.to_lowercase(), (*value).to_owned()))
            .collect();
        let given = |name: &str| headers.iter().any(|(header, _)| header == name);
        if !given("x-ms-version") {
            headers.push(("x-ms-version".to_owned(), "2024-11-04".to_owned()));
        }
        headers.push(("x-ms-date".to_owned(), now()));
        headers.push(("host".to_owned(), host.to_owned()));
        let target = format!("{account}{path}");
        let signature = sign(method, &target, &headers);
        headers.push(("authorization".to_owned(), signature));
        self.exchange(method, &target, &headers, body)
    }

    /// Sends a request as it is.
    pub(crate) fn exchange(
        &self,
        method: &str,
        target: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Answer {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        let mut head = format!("{method} {target} HTTP/1.1\r\n");
        if headers.iter().all(|(name, _)| name != "host") {
            head.extend(["host: ", &self.address().to_string(), "\r\n"]);
        }
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.extend(["connection: close\r\ncontent-length: ", &body.len().to_string(), "\r\n\r\n"]);
        stream.write_all(head.as_bytes()).unwrap();
        // A server that refuses early may not read the body.
        stream.write_all(body).ok();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).unwrap();
        parse(&received)
    }
}

/// A signature that allows to read one file.
pub(crate) fn signature(file: &str) -> String {
    let (expiry, version) = ("2099-01-01", "2024-11-04");
    let text = format!("r\n\n{expiry}\n/file/{ACCOUNT}{file}\n\n\n\n{version}\n\n\n\n\n");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(KEY).unwrap());
    let tag = STANDARD.encode(hmac::sign(&key, text.as_bytes()));
    let tag = tag.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!("sp=r&se={expiry}&sr=f&sv={version}&sig={tag}")
}

fn parse(received: &[u8]) -> Answer {
    let end = received.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&received[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let body = received[end + 4..].to_vec();
    let chunked = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("transfer-encoding"));
    let body = if chunked { unchunk(&body) } else { body };
    Answer { status, headers, body }
}

fn unchunk(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 2 + size + 2..];
    }
}

fn now() -> String {
    #[expect(clippy::disallowed_methods, reason = "a client has its own clock")]
    let now = Offset::UTC.to_datetime(Timestamp::now());
    strtime::format("%a, %d %b %Y %H:%M:%S GMT", now).unwrap()
}

/// The lite scheme signs little, which is enough here.
fn sign(method: &str, target: &str, headers: &[(String, String)]) -> String {
    let header = |name: &str| {
        headers.iter().find(|(header, _)| header == name).map_or("", |(_, value)| value.as_str())
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut own: Vec<_> =
        headers.iter().filter(|(name, _)| name.starts_with("x-ms-")).cloned().collect();
    own.sort_unstable();
    let mut text = format!("{method}\n{}\n{}\n\n", header("content-md5"), header("content-type"));
    for (name, value) in own {
        text.extend([&name, ":", &value, "\n"]);
    }
    text.extend(["/", ACCOUNT, path]);
    if let Some(comp) = query.split('&').find_map(|part| part.strip_prefix("comp=")) {
        text.extend(["?comp=", comp]);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(KEY).unwrap());
    let tag = STANDARD.encode(hmac::sign(&key, text.as_bytes()));
    format!("SharedKeyLite {ACCOUNT}:{tag}")
}
