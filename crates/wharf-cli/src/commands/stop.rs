//! `wharf stop`.

use super::start::{Action, act};
use crate::{context::Context, error::CliError};

/// Arguments.
#[derive(clap::Args, Debug)]
pub(crate) struct StopArgs {
    /// Names of container groups
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

/// Stops groups; the daemon answers when they have stopped.
pub(crate) async fn run(context: &Context, args: &StopArgs) -> Result<(), CliError> {
    for name in &args.names {
        act(context, name, Action::Stop, false).await?;
    }
    Ok(())
}
