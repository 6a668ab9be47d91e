//! `wharf restart`.

use super::start::{Action, StartArgs, act};
use crate::{context::Context, error::CliError};

/// Restarts all containers of groups in place and waits until they run.
pub(crate) async fn run(context: &Context, args: &StartArgs) -> Result<(), CliError> {
    for name in &args.names {
        act(context, name, Action::Restart, args.no_wait).await?;
    }
    Ok(())
}
