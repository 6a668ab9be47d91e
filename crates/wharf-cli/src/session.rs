//! A WebSocket with something in a container at its other end, as [`wharf_arm::exec::PROTOCOL`].

use std::{
    io::{self, Read as _},
    thread,
};

use futures::{SinkExt as _, StreamExt as _, stream::SplitSink};
use serde_json::{Value, json};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::{
    client::{Client, Socket},
    error::CliError,
    group, output, terminal,
};

/// How much input is read at once, in bytes.
const CHUNK: usize = 32 << 10;

/// What the other end gets to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// Nothing.
    None,
    /// Our own standard input.
    Standard,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Exit {
    /// The command's exit code.
    pub(crate) code: u8,
    /// Why there never was a command.
    pub(crate) message: Option<String>,
}

/// A session that was opened.
pub(crate) struct Session<'a> {
    client: &'a Client,
    socket: Socket,
}

type Sink = SplitSink<Socket, Message>;

impl<'a> Session<'a> {
    /// Opens what an operation has offered.
    pub(crate) async fn open(client: &'a Client, offer: &Value) -> Result<Self, CliError> {
        let member = |name: &str| {
            group::text(offer, name)
                .ok_or_else(|| CliError::Internal(format!("the daemon's answer has no {name}")))
        };
        let mut socket = client.web_socket(member("/webSocketUri")?).await?;
        let password = Message::text(member("/password")?);
        socket.send(password).await.map_err(|error| lost(client, &error))?;
        Ok(Self { client, socket })
    }

    /// Passes input, output and the terminal's size on until the other end has ended.
    pub(crate) async fn run(self, input: Input, has_terminal: bool) -> Result<Exit, CliError> {
        let client = self.client;
        let (mut sink, mut source) = self.socket.split();
        let (mut input, mut resized) = (begin_reading(input), watch_size(has_terminal)?);
        let mut exit = None;
        // Sending and showing at the same time: the daemon may take input only as fast as it gets
        // rid of output.
        let sending = send_all(&mut sink, &mut input, &mut resized);
        let mut sending = std::pin::pin!(sending);
        loop {
            let message = tokio::select! {
                message = source.next() => message,
                () = &mut sending => break,
            };
            match message {
                None | Some(Ok(Message::Close(_))) => break,
                Some(Ok(message)) => exit = hear(&message)?.or(exit),
                Some(Err(error)) if exit.is_none() => return Err(lost(client, &error)),
                Some(Err(_)) => break,
            }
        }
        exit.ok_or_else(|| client.lost("the connection ended before the command did"))
    }
}

fn lost(client: &Client, error: &tungstenite::Error) -> CliError {
    client.lost(&error.to_string())
}

/// What the daemon says: output, which is shown, or the end.
fn hear(message: &Message) -> Result<Option<Exit>, CliError> {
    match message {
        Message::Binary(bytes) => match bytes.split_first() {
            Some((1, text)) => output::bytes(text).map(|()| None),
            Some((2, text)) => {
                output::error_bytes(text);
                Ok(None)
            }
            Some(_) | None => Ok(None),
        },
        Message::Text(text) => {
            let value: Value = serde_json::from_str(text).unwrap_or_default();
            let code = value.pointer("/exit/code").and_then(Value::as_i64);
            let message = group::text(&value, "/exit/message").map(str::to_owned);
            Ok(code.map(|code| Exit { code: u8::try_from(code).unwrap_or(u8::MAX), message }))
        }
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => Ok(None),
    }
}

/// Reads in a thread of its own, which nobody waits for: a terminal cannot be read any other way.
fn begin_reading(input: Input) -> Option<mpsc::Receiver<Vec<u8>>> {
    if input == Input::None {
        return None;
    }
    let (sender, receiver) = mpsc::channel(4);
    thread::spawn(move || {
        let (mut stdin, mut buffer) = (io::stdin().lock(), vec![0; CHUNK]);
        loop {
            match stdin.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => return,
                Ok(count) => {
                    if sender.blocking_send(buffer[..count].to_vec()).is_err() {
                        return;
                    }
                }
            }
        }
    });
    Some(receiver)
}

/// The next of the input; `None` at its end, and never without input.
async fn next(input: &mut Option<mpsc::Receiver<Vec<u8>>>) -> Option<Vec<u8>> {
    match input {
        Some(input) => input.recv().await,
        None => std::future::pending().await,
    }
}

/// Never ends: when the connection does, the other direction tells how.
async fn send_all(
    sink: &mut Sink,
    input: &mut Option<mpsc::Receiver<Vec<u8>>>,
    resized: &mut Option<Signal>,
) {
    loop {
        let message = tokio::select! {
            chunk = next(input) => {
                if chunk.is_none() {
                    *input = None;
                }
                let end = || Message::text(json!({ "eof": true }).to_string());
                chunk.map_or_else(end, Message::binary)
            }
            () = changed(resized) => {
                let (rows, cols) = terminal::size();
                let size = json!({ "resize": { "rows": rows, "cols": cols } });
                Message::text(size.to_string())
            }
        };
        if sink.send(message).await.is_err() {
            return std::future::pending().await;
        }
    }
}

fn watch_size(has_terminal: bool) -> Result<Option<Signal>, CliError> {
    let watch = || signal(SignalKind::window_change());
    has_terminal
        .then(watch)
        .transpose()
        .map_err(|error| CliError::Internal(format!("watch the terminal's size: {error}")))
}

async fn changed(resized: &mut Option<Signal>) {
    match resized {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
