//! Sessions: a client's WebSocket connected with a container.
//!
//! An operation gives out a ticket; whoever comes to its address with its password within a minute
//! gets the session, once. Two ways to speak: Azure's, bytes in both directions, and Wharf's, if
//! the client asks for that subprotocol: binary messages of the server begin with 1 or 2 for
//! standard output or error, those of the client are input; text messages are JSON: `{"resize":
//! {"rows","cols"}}` and `{"eof":true}` of the client, `{"exit":{"code","message"?}}` of the server.

mod attach;
mod exec;
mod tickets;

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use bytes::Bytes;
use futures::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use tokio::time::timeout;

pub(crate) use self::tickets::{Purpose, Ticket, Tickets};
use crate::app::App;

/// How long a client may take to say the password.
const PASSWORD_MAX: Duration = Duration::from_secs(10);
/// How long a client may take to close its side after we have closed ours.
const CLOSE_MAX: Duration = Duration::from_secs(5);
/// How often a client that knows how to answer is asked whether it is still there. Azure's own one
/// stops reading its terminal while it answers, so it is left to the kernel's keep-alive.
const PING_EVERY: Duration = Duration::from_secs(10);

type Sink = SplitSink<WebSocket, Message>;
type Source = SplitStream<WebSocket>;

/// How a client wants to be spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Bytes.
    Azure,
    /// Messages that say what they are.
    Wharf,
}

/// Where something was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Output,
    Errors,
}

/// Serves one session to its end.
pub(crate) async fn serve(
    app: App,
    ticket: Ticket,
    is_known: bool,
    mut socket: WebSocket,
    framing: Framing,
) {
    if !is_known && !has_password(&ticket, &mut socket).await {
        return close(socket, close_code::POLICY, "wrong password").await;
    }
    let (sink, source) = socket.split();
    let client = Client { sink, framing };
    let group = ticket.group.clone();
    tracing::debug!(%group, container = %ticket.container, "session begins");
    match ticket.purpose {
        Purpose::Exec(command) => {
            exec::serve(
                app.controller.backend(),
                &group,
                &ticket.container,
                command,
                (client, source),
            )
            .await;
        }
        Purpose::Attach(follower) => attach::serve(*follower, (client, source)).await,
    }
    tracing::debug!(%group, "session ends");
}

/// The first message must be it, exactly as it was given out.
async fn has_password(ticket: &Ticket, socket: &mut WebSocket) -> bool {
    match timeout(PASSWORD_MAX, socket.recv()).await {
        Ok(Some(Ok(Message::Text(text)))) => ticket.is_password(text.as_str()),
        Ok(Some(Ok(Message::Binary(bytes)))) => {
            std::str::from_utf8(&bytes).is_ok_and(|text| ticket.is_password(text))
        }
        _ => false,
    }
}

async fn close(mut socket: WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame { code, reason: reason.into() };
    if socket.send(Message::Close(Some(frame))).await.is_ok() {
        drop(timeout(CLOSE_MAX, async { while let Some(Ok(_)) = socket.recv().await {} }).await);
    }
}

/// The way to the client.
#[derive(Debug)]
struct Client {
    sink: Sink,
    framing: Framing,
}

/// The client cannot be reached any more.
#[derive(Debug)]
struct Gone;

impl Client {
    /// Passes on what was written; `bytes` has a byte of room at its beginning.
    async fn output(&mut self, stream: Stream, mut bytes: Vec<u8>) -> Result<(), Gone> {
        let message = match self.framing {
            Framing::Azure => Bytes::from(bytes).slice(1..),
            Framing::Wharf => {
                bytes[0] = match stream {
                    Stream::Output => 1,
                    Stream::Errors => 2,
                };
                bytes.into()
            }
        };
        self.sink.send(Message::Binary(message)).await.map_err(|_| Gone)
    }

    /// Asks whether the client is there; the connection breaks if it is not.
    async fn ping(&mut self) -> Result<(), Gone> {
        match self.framing {
            Framing::Azure => Ok(()),
            Framing::Wharf => self.sink.send(Message::Ping(Bytes::new())).await.map_err(|_| Gone),
        }
    }

    /// Says how it ended, and that it has.
    async fn finish(mut self, mut source: Source, code: i32, message: Option<String>) {
        let last = match (self.framing, message) {
            (Framing::Azure, None) => None,
            (Framing::Azure, Some(message)) => {
                Some(Message::Binary(format!("{message}\r\n").into_bytes().into()))
            }
            (Framing::Wharf, message) => {
                let mut exit = serde_json::json!({ "code": code });
                if let Some(message) = message {
                    exit["message"] = message.into();
                }
                Some(Message::Text(serde_json::json!({ "exit": exit }).to_string().into()))
            }
        };
        let frame = CloseFrame { code: close_code::NORMAL, reason: "".into() };
        let closing = async {
            if let Some(last) = last {
                self.sink.send(last).await?;
            }
            self.sink.send(Message::Close(Some(frame))).await?;
            // Closing the connection with something unread in it could lose what was sent last.
            while let Some(Ok(_)) = source.next().await {}
            Ok::<(), axum::Error>(())
        };
        drop(timeout(CLOSE_MAX, closing).await);
    }
}
