//! Waiting for an operation, with what happens shown on a terminal.

use std::{
    collections::BTreeSet,
    io::{self, IsTerminal as _},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::{
    client::{self, Answer, Client},
    error::{ApiError, CliError},
    group,
};

/// A line that moves while something is awaited; silent when stderr is not a terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    what: String,
    told: BTreeSet<String>,
}

impl Progress {
    /// Shows `what` as being done.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        let what = what.into();
        let bar = if io::stderr().is_terminal() {
            ProgressBar::new_spinner()
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.set_message(what.clone());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar, what, told: BTreeSet::new() }
    }

    /// Shows how far it is.
    pub(crate) fn state(&self, state: &str) {
        self.bar.set_message(format!("{}: {state}", self.what));
    }

    /// Shows events, each once.
    pub(crate) fn events(&mut self, events: &[Value]) {
        for event in events {
            let message = group::text(event, "/message").unwrap_or_default();
            let mark = if group::text(event, "/type") == Some("Warning") { "!" } else { " " };
            let at = group::text(event, "/firstTimestamp").unwrap_or_default();
            if self.told.insert(format!("{at} {message}")) {
                self.bar.println(format!("  {mark} {message}"));
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Polls the operation of an answer to its end; does nothing when there is none. The server's
/// hints are for clients that poll over a network: these questions are nearly free.
pub(crate) async fn wait(
    client: &Client,
    answer: &Answer,
    progress: &mut Progress,
) -> Result<(), CliError> {
    let Some(path) = &answer.operation else { return Ok(()) };
    let mut pause = Pause::new(client);
    loop {
        let body = client.get(path).await?;
        let status = group::text(&body, "/status").unwrap_or_default();
        progress.events(group::items(&body, "/properties/events"));
        progress.state(status);
        match status.to_ascii_lowercase().as_str() {
            "succeeded" => return Ok(()),
            "failed" | "canceled" => return Err(failed(&body, status)),
            _ => pause.next().await,
        }
    }
}

fn failed(body: &Value, status: &str) -> CliError {
    let mut error = client::api_error(body, 0);
    if error.code.is_empty() {
        error = ApiError {
            code: format!("Operation{status}"),
            message: format!("the operation ended {}", status.to_lowercase()),
            ..error
        };
    }
    CliError::Api(error)
}

/// Pauses between two questions that grow.
#[derive(Debug)]
pub(crate) struct Pause {
    first: Duration,
    next: Duration,
    longest: Duration,
}

impl Pause {
    /// For an operation of this daemon.
    pub(crate) fn new(client: &Client) -> Self {
        if client.is_local() { Self::between(20, 500) } else { Self::between(250, 2000) }
    }

    /// From the first pause to the longest, in milliseconds.
    pub(crate) fn between(first: u64, longest: u64) -> Self {
        let (first, longest) = (Duration::from_millis(first), Duration::from_millis(longest));
        Self { first, next: first, longest }
    }

    /// Begins again with the shortest.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }

    /// Waits.
    pub(crate) async fn next(&mut self) {
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 3 / 2).min(self.longest);
    }
}
