//! A command in a running container, from the request to its end as the client sees it: POST,
//! WebSocket, password, process, exit code.

use std::{os::unix::net::UnixStream, time::Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use tokio_tungstenite::tungstenite::{self, Message};

use super::{SAMPLES, daemon::Daemon, http, millis};

/// Milliseconds of each.
pub(super) fn measure(daemon: &Daemon) -> Result<Vec<f64>> {
    let group = daemon.group("exec");
    let body = super::body(&["sleep", "1000"], super::ALONE);
    let answer = http::request(&daemon.socket, "PUT", &group, Some(&body))?;
    let operation = answer.header("azure-asyncoperation").context("no operation")?;
    daemon.wait(operation.trim_start_matches("http://localhost"))?;
    let exec = group.replace('?', "/containers/c/exec?");
    let took: Result<Vec<f64>> = (0..SAMPLES)
        .map(|_| {
            let begin = Instant::now();
            run_true(daemon, &exec)?;
            Ok(millis(begin.elapsed()))
        })
        .collect();
    http::request(&daemon.socket, "DELETE", &group, None)?;
    took
}

fn run_true(daemon: &Daemon, path: &str) -> Result<()> {
    let offer = http::request(&daemon.socket, "POST", path, Some(&json!({ "command": "true" })))?;
    let member = |name: &str| {
        let text = offer.body[name].as_str();
        text.map(str::to_owned).with_context(|| format!("no {name}"))
    };
    let stream = UnixStream::connect(&daemon.socket)?;
    let (mut socket, _) = tungstenite::client::client(member("webSocketUri")?, stream)?;
    socket.send(Message::text(member("password")?))?;
    match socket.read()? {
        Message::Close(Some(frame)) if u16::from(frame.code) == 1000 => Ok(()),
        other => bail!("instead of an end: {other:?}"),
    }
}
