//! The service over HTTP, with requests that no well-behaved client would send.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod client;
mod directories;
mod files;
mod hostile;
mod server;
mod share;
mod snapshots;
mod tokens;
