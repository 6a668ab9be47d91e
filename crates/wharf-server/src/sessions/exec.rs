//! A command in a container with a client at its input and output.
//!
//! Both directions flow at the same time, and each only as fast as its far end takes it: a command
//! that does not read holds up its client's input and nothing else. The client's messages are read
//! ahead by a limited amount, so that it is noticed when it goes although nobody reads its input.

use std::{future::pending, io, time::Duration};

use axum::extract::ws::Message;
use bytes::{Buf as _, BytesMut};
use futures::StreamExt as _;
use nix::sys::signal::Signal;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{MissedTickBehavior, interval, timeout},
};
use wharf_model::{ContainerName, GroupId, error::chain};
use wharf_runtime::{
    embedded::Embedded,
    exec::{Command, End, ExecError, Input, Output, Process, Session, Terminal, TerminalSize},
};

use super::{Client, Framing, Gone, PING_EVERY, Source, Stream};

/// How much is read at once, in bytes.
const CHUNK: usize = 64 << 10;
/// How much input is read ahead, in bytes.
const AHEAD_MAX: usize = 1 << 20;
/// How long a command may take to end after its client has gone.
const GRACE: Duration = Duration::from_secs(2);

pub(super) async fn serve(
    backend: &Embedded,
    group: &GroupId,
    container: &ContainerName,
    command: Command,
    (mut client, mut source): (Client, Source),
) {
    let session = match backend.exec(group, container, command).await {
        Ok(session) => session,
        Err(error) => {
            tracing::info!(%group, %container, error = chain(&error), "command not started");
            let message = match error {
                ExecError::NotRunning { .. } => "the container is not running",
                _ => "the command could not be started",
            };
            return client.finish(source, 128, Some(message.to_owned())).await;
        }
    };
    let Session { input, output, errors, terminal, mut process } = session;
    let ended = {
        let framing = client.framing;
        let down = copy_output((output, errors), &mut process, &mut client);
        let up = copy_input(&mut source, input, terminal.as_ref(), framing);
        tokio::select! {
            ended = down => ended,
            () = up => Err(Gone),
        }
    };
    match ended {
        Ok(Ok(end)) => client.finish(source, end.code, end.message).await,
        Ok(Err(error)) => {
            tracing::warn!(%group, %container, error = chain(&error), "command lost");
            client.finish(source, 128, Some("the command was lost".to_owned())).await;
        }
        Err(Gone) => {
            drop((client, source, terminal));
            hang_up(process).await;
        }
    }
}

/// Until the command has ended and all is passed on that it has written itself.
async fn copy_output(
    (mut output, mut errors): (Output, Option<Output>),
    process: &mut Process,
    client: &mut Client,
) -> Result<Result<End, ExecError>, Gone> {
    let (mut has_output, mut has_errors) = (true, errors.is_some());
    let mut tick = interval(PING_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first one would come at once.
    tick.reset();
    let end = loop {
        tokio::select! {
            chunk = read(Some(&mut output)), if has_output => {
                has_output = pass_on(Stream::Output, chunk, client).await?;
            }
            chunk = read(errors.as_mut()), if has_errors => {
                has_errors = pass_on(Stream::Errors, chunk, client).await?;
            }
            _ = tick.tick() => client.ping().await?,
            end = process.wait() => break end,
        }
    };
    for (stream, rest) in [(Stream::Output, Some(&output)), (Stream::Errors, errors.as_ref())] {
        for chunk in rest.map(Output::drain).unwrap_or_default().chunks(CHUNK) {
            client.output(stream, [&[0], chunk].concat()).await?;
        }
    }
    Ok(end)
}

/// What there is, after a byte of room.
async fn read(stream: Option<&mut Output>) -> io::Result<Vec<u8>> {
    let Some(stream) = stream else { return pending().await };
    let mut chunk = Vec::with_capacity(CHUNK + 1);
    chunk.push(0);
    stream.read_buf(&mut chunk).await?;
    Ok(chunk)
}

/// Whether there may be more.
async fn pass_on(
    stream: Stream,
    chunk: io::Result<Vec<u8>>,
    client: &mut Client,
) -> Result<bool, Gone> {
    match chunk {
        Ok(chunk) if chunk.len() > 1 => client.output(stream, chunk).await.map(|()| true),
        Ok(_) | Err(_) => Ok(false),
    }
}

/// What a client says.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Input(bytes::Bytes),
    Resize(TerminalSize),
    EndOfInput,
    Nothing,
    Goodbye,
}

/// Until the client has gone.
async fn copy_input(
    source: &mut Source,
    mut input: Option<Input>,
    terminal: Option<&Terminal>,
    framing: Framing,
) {
    let (mut ahead, mut has_ended) = (BytesMut::new(), false);
    loop {
        if has_ended && ahead.is_empty() {
            input = None;
        }
        tokio::select! {
            message = source.next(), if ahead.len() < AHEAD_MAX => {
                let Some(Ok(message)) = message else { return };
                match understand(message, framing) {
                    Said::Input(bytes) if input.is_some() && !has_ended => {
                        ahead.extend_from_slice(&bytes);
                    }
                    Said::Resize(size) => drop(terminal.map(|terminal| terminal.resize(size))),
                    // A terminal has no other end than this key.
                    Said::EndOfInput if terminal.is_some() => ahead.extend_from_slice(b"\x04"),
                    Said::EndOfInput => has_ended = true,
                    Said::Input(_) | Said::Nothing => {}
                    Said::Goodbye => return,
                }
            }
            written = write(input.as_mut(), &ahead), if !ahead.is_empty() => {
                if let Ok(count) = written {
                    ahead.advance(count);
                } else {
                    // The command reads no more; what it writes is still wanted.
                    input = None;
                    ahead.clear();
                }
            }
        }
    }
}

async fn write(input: Option<&mut Input>, bytes: &[u8]) -> io::Result<usize> {
    match input {
        Some(input) => input.write(bytes).await,
        None => Err(io::ErrorKind::BrokenPipe.into()),
    }
}

fn understand(message: Message, framing: Framing) -> Said {
    match (message, framing) {
        (Message::Binary(bytes), _) => Said::Input(bytes),
        (Message::Text(text), Framing::Azure) => Said::Input(text.into()),
        (Message::Text(text), Framing::Wharf) => understand_text(&text),
        (Message::Ping(_) | Message::Pong(_), _) => Said::Nothing,
        (Message::Close(_), _) => Said::Goodbye,
    }
}

/// What is not known is left for a later version to know.
fn understand_text(text: &str) -> Said {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    let side = |name: &str| u16::try_from(value["resize"][name].as_u64()?).ok();
    match (side("rows"), side("cols")) {
        (Some(rows), Some(cols)) => Said::Resize(TerminalSize { rows, cols }),
        _ if value["eof"] == true => Said::EndOfInput,
        _ => Said::Nothing,
    }
}

/// As if a modem had hung up: the command may put things in order, and is killed then.
async fn hang_up(mut process: Process) {
    if process.signal(Signal::SIGHUP).await.is_ok() {
        drop(timeout(GRACE, process.wait()).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_input_on_azure_and_say_what_they_are_here() {
        let text = |text: &str| Message::Text(text.into());
        assert_eq!(understand(text("l"), Framing::Azure), Said::Input("l".into()));
        let resize = text(r#"{"resize":{"rows":1,"cols":2}}"#);
        let size = TerminalSize { rows: 1, cols: 2 };
        assert_eq!(understand(resize, Framing::Wharf), Said::Resize(size));
        assert_eq!(understand(text(r#"{"eof":true}"#), Framing::Wharf), Said::EndOfInput);
        for other in ["", "x", r#"{"eof":false}"#, r#"{"resize":{"rows":1,"cols":70000}}"#] {
            assert_eq!(understand(text(other), Framing::Wharf), Said::Nothing, "{other}");
        }
    }
}
