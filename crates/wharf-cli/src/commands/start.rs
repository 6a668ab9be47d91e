//! `wharf start`, and what it has in common with `wharf restart`.

use crate::{
    context::{Context, versioned},
    error::CliError,
    output,
    progress::{Progress, wait},
};

/// Arguments.
#[derive(clap::Args, Debug)]
pub(crate) struct StartArgs {
    /// Names of container groups
    #[arg(required = true, value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Return when the daemon has accepted it
    #[arg(long)]
    pub(crate) no_wait: bool,
}

/// Starts groups and waits until their containers run.
pub(crate) async fn run(context: &Context, args: &StartArgs) -> Result<(), CliError> {
    for name in &args.names {
        act(context, name, Action::Start, args.no_wait).await?;
    }
    Ok(())
}

/// A POST on a group that may take a while.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Start,
    Stop,
    Restart,
}

/// Does it, waits unless told otherwise, and says so.
pub(crate) async fn act(
    context: &Context,
    name: &str,
    action: Action,
    no_wait: bool,
) -> Result<(), CliError> {
    let (verb, doing, done) = match action {
        Action::Start => ("start", "starting", "started"),
        Action::Stop => ("stop", "stopping", "stopped"),
        Action::Restart => ("restart", "restarting", "restarted"),
    };
    let client = context.client().await?;
    let path = format!("{}/{verb}", context.group_path(name).await?);
    let mut progress = Progress::new(format!("{doing} {name}"));
    let answer = client.post(&versioned(&path), None).await?;
    if !no_wait {
        wait(client, &answer, &mut progress).await?;
    }
    drop(progress);
    output::note(&format!("{name}: {}", if no_wait { "accepted" } else { done }));
    Ok(())
}
