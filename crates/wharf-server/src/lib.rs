//! The daemon: HTTP, identity, handlers, controller, wiring.
//!
//! A request validates, writes one transaction, pokes the controller and answers; only the
//! controller's backend touches the kernel.

mod app;
mod auth;
mod config;
mod controller;
mod deployments;
mod dns_label;
mod file_shares;
mod files;
mod handlers;
mod host;
mod http;
mod identity;
mod ids;
mod images;
mod ingress;
mod leftovers;
mod metadata_service;
mod metrics;
mod names;
mod registries;
mod serve;
mod sessions;
mod tls;

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory as _, FromArgMatches as _};

pub use config::ServeArgs;

/// The definition of `wharf serve`, for the help of the whole program.
pub fn command() -> clap::Command {
    ServeArgs::command()
}

/// Runs `wharf serve`; `args` begin with the name of the subcommand.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let matches = command().bin_name("wharf serve").get_matches_from(args);
    let result =
        ServeArgs::from_arg_matches(&matches).map_err(|error| error.exit()).and_then(serve::main);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

#[expect(clippy::print_stderr, reason = "the daemon's last words, when no log may be set up")]
fn report(error: &serve::ServeError) {
    eprintln!("error: {}", wharf_model::error::chain(error));
}
