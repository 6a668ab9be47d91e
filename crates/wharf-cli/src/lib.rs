//! The client commands. Speaks only the ARM API (and the daemon's own `/wharf/v1`), so that what
//! it does is what any other client can do.

mod args;
mod body;
mod client;
mod commands;
mod context;
mod endpoint;
mod error;
mod group;
mod output;
mod progress;
mod secret;
mod session;
mod table;
mod template;
mod terminal;

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory, FromArgMatches};

use crate::{args::Cli, context::Context, error::CliError};

/// The whole command line, with `serve` described here and run by somebody else.
pub fn command() -> clap::Command {
    let external = clap::Command::new("serve").about("Run the daemon").disable_help_flag(true);
    let args = clap::Arg::new("args").num_args(0..).trailing_var_arg(true).hide(true);
    command_with(external.arg(args))
}

/// The whole command line with the daemon's own definition of `serve` in its help and completions.
pub fn command_with(serve: clap::Command) -> clap::Command {
    Cli::command().subcommand(serve.name("serve").display_order(0))
}

/// Runs a client command. `args` begin with the program's name; `serve` is the daemon's definition
/// of its own subcommand. The caller has dispatched `serve` and `shim` before.
pub fn main(args: impl IntoIterator<Item = OsString>, serve: clap::Command) -> ExitCode {
    let mut command = command_with(serve);
    let matches = match command.try_get_matches_from_mut(args) {
        Ok(matches) => matches,
        Err(error) => return report_usage(&error),
    };
    if matches.subcommand_name() == Some("serve") {
        let error = CliError::Internal("serve is not a client command".into());
        return error::report(&error, false);
    }
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return report_usage(&error.format(&mut command)),
    };
    let verbose = cli.globals.verbose;
    match run(cli, command) {
        Ok(code) => code,
        Err(error) => error::report(&error, verbose),
    }
}

/// One thread is enough: a command waits for one answer at a time.
fn run(cli: Cli, command: clap::Command) -> Result<ExitCode, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::Internal(format!("start the runtime: {error}")))?;
    let context = Context::new(cli.globals);
    runtime.block_on(commands::run(&context, cli.command, command))
}

/// clap's text goes where it belongs: help to stdout with 0, mistakes to stderr with 2.
fn report_usage(error: &clap::Error) -> ExitCode {
    // Nobody is left to be told when the terminal is gone.
    drop(error.print());
    if error.use_stderr() { ExitCode::from(error::USAGE) } else { ExitCode::SUCCESS }
}
