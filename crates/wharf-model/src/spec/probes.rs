//! Probes of a container (semantics.md §9).

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// How a container is asked how it does, with Kubernetes' meaning of the numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeSpec {
    /// What is asked.
    pub action: ProbeAction,
    /// Seconds from the container's start to the first question.
    pub initial_delay: u32,
    /// Seconds from one question to the next.
    pub period: u32,
    /// Seconds until no answer is a bad one.
    pub timeout: u32,
    /// Good answers in a row that make a failing container well.
    pub success_threshold: u32,
    /// Bad answers in a row that make it fail.
    pub failure_threshold: u32,
}

impl ProbeSpec {
    /// [`Self::initial_delay`].
    pub fn initial_delay(&self) -> Duration {
        Duration::from_secs(self.initial_delay.into())
    }

    /// [`Self::period`].
    pub fn period(&self) -> Duration {
        Duration::from_secs(self.period.into())
    }

    /// [`Self::timeout`].
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout.into())
    }
}

/// What a probe asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProbeAction {
    /// Runs a program in the container: good if it exits with 0.
    Exec {
        /// Program and arguments.
        command: Vec<String>,
    },
    /// Asks the group's own address: good if the status is from 200 to 399.
    HttpGet(HttpGet),
}

/// The request of a probe.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpGet {
    /// Path and query.
    pub path: String,
    /// On the group's address.
    pub port: u16,
    /// Whether over TLS; the certificate is not verified.
    pub is_tls: bool,
    /// More headers, in order.
    pub headers: Vec<(String, String)>,
}

impl fmt::Debug for HttpGet {
    /// Without the headers' values: they may be credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme} :{}{}", self.port, self.path)
    }
}
