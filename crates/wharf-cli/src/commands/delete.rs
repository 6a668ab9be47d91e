//! `wharf delete`.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use serde_json::Value;

use crate::{
    context::{Context, versioned},
    error::CliError,
    output,
    progress::{Pause, Progress, wait},
};

/// Arguments.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  wharf delete hello
  wharf delete web db --yes")]
pub(crate) struct DeleteArgs {
    /// Names of container groups
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Return when the daemon has accepted it
    #[arg(long)]
    no_wait: bool,
}

/// Deletes groups and waits until they are gone.
pub(crate) async fn run(context: &Context, args: &DeleteArgs) -> Result<(), CliError> {
    if !args.yes {
        confirm(context, &args.names)?;
    }
    for name in &args.names {
        let deleted = delete(context, name, args.no_wait).await?;
        if context.output.is_readable() {
            output::note(&format!("{name}: {}", if args.no_wait { "accepted" } else { "deleted" }));
        } else if !deleted.is_null() {
            context.output.document(&deleted)?;
        }
    }
    Ok(())
}

fn confirm(context: &Context, names: &[String]) -> Result<(), CliError> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(CliError::usage_hint(
            "delete asks first, and nobody is here to answer",
            "pass --yes",
        ));
    }
    let group = context.resource_group();
    let mut err = io::stderr().lock();
    write!(
        err,
        "Delete {} in resource group {group} with all logs and data? [y/N] ",
        names.join(", ")
    )?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(CliError::usage("nothing was deleted")),
    }
}

/// The API calls deleting what is not there a success; a person has more likely mistyped it.
async fn delete(context: &Context, name: &str, no_wait: bool) -> Result<Value, CliError> {
    let client = context.client().await?;
    let path = versioned(&context.group_path(name).await?);
    let mut progress = Progress::new(format!("deleting {name}"));
    let answer = client.delete(&path).await?;
    if answer.status == 204 {
        let group = context.resource_group();
        return Err(CliError::NotFound(format!(
            "container group '{name}' was not found in resource group '{group}'"
        )));
    }
    if !no_wait {
        wait(client, &answer, &mut progress).await?;
        let mut pause = Pause::new(client);
        loop {
            match client.get(&path).await {
                Ok(_) => pause.next().await,
                Err(error) if error.is_not_found() => break,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(answer.body)
}
