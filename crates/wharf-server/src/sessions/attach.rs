//! A client that sees what a container writes. There is no input: containers have none.

use axum::extract::ws::Message;
use futures::StreamExt as _;
use tokio::time::{MissedTickBehavior, interval};
use wharf_model::error::chain;
use wharf_runtime::logs::{Follower, Piece};
use wharf_shim::cri;

use super::{Client, Gone, PING_EVERY, Source, Stream};

pub(super) async fn serve(mut follower: Follower, (mut client, mut source): (Client, Source)) {
    let is_over = tokio::select! {
        result = pass_on(&mut follower, &mut client) => result.is_ok(),
        () = until_gone(&mut source) => false,
    };
    if is_over {
        client.finish(source, 0, None).await;
    }
}

/// Until the run has ended.
async fn pass_on(follower: &mut Follower, client: &mut Client) -> Result<(), Gone> {
    let mut tick = interval(PING_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first one would come at once.
    tick.reset();
    loop {
        let pieces = tokio::select! {
            pieces = follower.next() => pieces,
            _ = tick.tick() => {
                client.ping().await?;
                continue;
            }
        };
        match pieces {
            Ok(Some(pieces)) => {
                for piece in pieces {
                    send(client, piece).await?;
                }
            }
            Ok(None) => return Ok(()),
            Err(error) => {
                let (group, container) = (follower.group(), follower.container());
                tracing::warn!(%group, %container, error = chain(&error), "log not followed");
                return Ok(());
            }
        }
    }
}

async fn send(client: &mut Client, piece: Piece) -> Result<(), Gone> {
    let stream = match piece.stream {
        cri::Stream::Stdout => Stream::Output,
        cri::Stream::Stderr => Stream::Errors,
    };
    client.output(stream, [&[0], piece.text.as_slice()].concat()).await
}

async fn until_gone(source: &mut Source) {
    while let Some(Ok(message)) = source.next().await {
        if matches!(message, Message::Close(_)) {
            return;
        }
    }
}
