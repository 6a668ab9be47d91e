//! `wharf exec`.

use std::process::ExitCode;

use serde_json::json;

use super::logs::container_of;
use crate::{
    client::escape,
    context::{Context, versioned},
    error::CliError,
    output,
    session::{Input, Session},
    terminal::{self, RawMode},
};

/// Arguments.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Ends with the exit code of the command. Everything the command has started is killed when this
command is interrupted or loses its connection.

Examples:
  wharf exec -it hello -- sh
  wharf exec hello -- cat /etc/os-release
  tar c . | wharf exec -i hello --container sidecar -- tar x -C /data")]
pub(crate) struct ExecArgs {
    /// Name of the container group
    name: String,
    /// Run it in this container [default: the only one]
    #[arg(long, visible_alias = "container-name", value_name = "NAME")]
    container: Option<String>,
    /// Pass standard input on to the command
    #[arg(short, long)]
    interactive: bool,
    /// Give the command a terminal
    #[arg(short, long)]
    tty: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Runs a command and ends as it did.
pub(crate) async fn run(context: &Context, args: &ExecArgs) -> Result<ExitCode, CliError> {
    let (program, arguments) = args
        .command
        .split_first()
        .ok_or_else(|| CliError::usage("name a command to run after --"))?;
    let container = container_of(context, &args.name, args.container.as_deref()).await?;
    let path = context.group_path(&args.name).await?;
    let path = format!("{path}/containers/{}/exec", escape(&container));
    let (rows, cols) = terminal::size();
    let body = json!({
        "command": program,
        "arguments": arguments,
        "tty": args.tty,
        "stdin": args.interactive,
        "terminalSize": { "rows": rows, "cols": cols },
    });
    let client = context.client().await?;
    let answer = client.post(&versioned(&path), Some(&body)).await?;
    let session = Session::open(client, &answer.body).await?;
    let raw = (args.tty && args.interactive).then(RawMode::enter).flatten();
    let input = if args.interactive { Input::Standard } else { Input::None };
    let ended = session.run(input, args.tty).await;
    drop(raw);
    let exit = ended?;
    if let Some(message) = exit.message {
        output::note(&format!("error: {message}"));
    }
    Ok(ExitCode::from(exit.code))
}
