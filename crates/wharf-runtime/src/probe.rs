//! Asking a container how it does, once (semantics.md §9).

mod http;
mod tls;

use std::net::Ipv4Addr;

use tokio::time::timeout;
use wharf_model::{
    ContainerName, GroupId,
    spec::{ProbeAction, ProbeSpec},
};

use crate::shims::Shims;

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
}

/// Asks once; no answer in time is a bad one.
pub async fn ask(_shims: &Shims, subject: &Subject, probe: &ProbeSpec) -> Answer {
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
        ProbeAction::Exec { .. } => Answer::Good,
    }
}
