//! Asking a container how it does, once (semantics.md §9).

mod http;
mod tls;

use std::net::Ipv4Addr;

use tokio::time::timeout;
use wharf_model::{
    ContainerName, GroupId,
    spec::{ProbeAction, ProbeSpec},
};

use crate::{
    exec::{Captured, End, ExecError},
    shims::Shims,
};

/// What is kept of a command's output, as much as the kubelet keeps.
const OUTPUT_MAX: usize = 10 << 10;

/// Whom to ask.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The group.
    pub id: GroupId,
    /// The container.
    pub name: ContainerName,
    /// A process in the group's network namespace.
    pub pid: u32,
    /// The group's address.
    pub address: Ipv4Addr,
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It does well.
    Good,
    /// It does not; what a user reads after "probe failed: ".
    Bad(String),
    /// It could not be asked; says nothing about it.
    Unknown,
}

/// Asks once; no answer in time is a bad one.
pub async fn ask(shims: &Shims, subject: &Subject, probe: &ProbeSpec) -> Answer {
    match &probe.action {
        ProbeAction::HttpGet(get) => {
            let url = http::url(subject.address, get);
            match timeout(probe.timeout(), http::get(subject, get)).await {
                Ok(Ok(status)) if (200..400).contains(&status) => Answer::Good,
                Ok(Ok(status)) => {
                    Answer::Bad(format!("HTTP probe failed with statuscode: {status}"))
                }
                Ok(Err(reason)) => Answer::Bad(format!("Get \"{url}\": {reason}")),
                Err(_) => Answer::Bad(format!(
                    "Get \"{url}\": context deadline exceeded (Client.Timeout exceeded while \
                     awaiting headers)"
                )),
            }
        }
        ProbeAction::Exec { command } => run(shims, subject, probe, command).await,
    }
}

async fn run(shims: &Shims, subject: &Subject, probe: &ProbeSpec, command: &[String]) -> Answer {
    let limits = (OUTPUT_MAX, probe.timeout());
    match shims.exec_captured(&subject.id, &subject.name, command.to_vec(), limits).await {
        Ok(Captured { end: End { code: 0, .. }, .. }) => Answer::Good,
        Ok(Captured { end: End { message: Some(message), .. }, .. }) => Answer::Bad(message),
        Ok(Captured { output, .. }) => Answer::Bad(String::from_utf8_lossy(&output).into_owned()),
        Err(ExecError::TimedOut { .. }) => Answer::Bad(format!(
            "command \"{}\" timed out after {}s",
            command.join(" "),
            probe.timeout
        )),
        Err(ExecError::NotRunning { .. }) => Answer::Unknown,
        Err(error) => {
            let error = wharf_model::error::chain(&error);
            tracing::warn!(group = %subject.id, container = %subject.name, error, "probe failed");
            Answer::Unknown
        }
    }
}
