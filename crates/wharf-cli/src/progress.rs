//! Waiting for an operation, with what happens shown on a terminal.

use std::{
    collections::BTreeSet,
    io::{self, IsTerminal as _},
    time::Duration,
};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
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
    images: Vec<String>,
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
        Self { bar, what, told: BTreeSet::new(), images: Vec::new() }
    }

    /// Also shows how far the pulls of these images are.
    pub(crate) fn pulling(mut self, images: &[&str]) -> Self {
        self.images = images.iter().map(ToString::to_string).collect();
        self
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
        progress.state(&pulls(client, progress).await.unwrap_or_else(|| status.to_owned()));
        match status.to_ascii_lowercase().as_str() {
            "succeeded" => return Ok(()),
            "failed" | "canceled" => return Err(failed(&body, status)),
            _ => pause.next().await,
        }
    }
}

/// How far the pulls are that somebody looks at. Who may not know is shown less.
async fn pulls(client: &Client, progress: &Progress) -> Option<String> {
    if progress.images.is_empty() || progress.bar.is_hidden() {
        return None;
    }
    let listed = client.get("/wharf/v1/images/pulls").await.ok()?;
    let told = told(group::items(&listed, "/value"), &progress.images);
    (!told.is_empty()).then_some(told)
}

fn told(pulls: &[Value], images: &[String]) -> String {
    let is_meant = |pull: &&Value| {
        let reference = group::text(pull, "/reference").unwrap_or_default();
        images.iter().any(|image| reference.contains(image.as_str()))
    };
    let lines = pulls.iter().filter(is_meant).map(|pull| {
        let reference = group::text(pull, "/reference").unwrap_or_default();
        let rate = pull.pointer("/bytesPerSecond").and_then(Value::as_u64);
        format!("pulling {reference}: {}", pull_state(&pull["progress"], rate))
    });
    lines.collect::<Vec<_>>().join("; ")
}

/// How far a pull is, and how many bytes come in a second.
pub(crate) fn pull_state(step: &Value, rate: Option<u64>) -> String {
    let number = |name: &str| step.get(name).and_then(Value::as_u64).unwrap_or(0);
    let (done, all) = (HumanBytes(number("bytes_done")), HumanBytes(number("bytes")));
    let rate = rate.map(|rate| format!(", {}/s", HumanBytes(rate))).unwrap_or_default();
    format!("{}/{} layers, {done} of {all}{rate}", number("layers_done"), number("layers"))
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_pulls_that_somebody_waits_for_are_told() {
        let pull = |reference: &str| {
            json!({ "reference": reference, "bytesPerSecond": 1 << 20, "progress": {
                "layers_done": 1, "layers": 3, "bytes_done": 2 << 20, "bytes": 8 << 20 } })
        };
        let pulls = [pull("docker.io/library/nginx:latest"), pull("lab.example/other:1")];
        let state = "1/3 layers, 2.00 MiB of 8.00 MiB, 1.00 MiB/s";
        assert_eq!(
            told(&pulls, &["nginx".to_owned()]),
            format!("pulling docker.io/library/nginx:latest: {state}")
        );
        assert_eq!(told(&pulls, &["redis".to_owned()]), "");
    }
}
