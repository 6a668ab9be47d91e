//! `wharf attach`.

use serde_json::Value;

use super::logs::container_of;
use crate::{
    client::escape,
    context::{Context, versioned},
    error::CliError,
    session::{Input, Session},
};

/// Arguments.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Shows what the container writes from now on, until it ends; Ctrl-C ends only this command. What it
has written before is in its log: wharf logs -f. Containers have no input.

Examples:
  wharf attach hello
  wharf attach hello --container sidecar")]
pub(crate) struct AttachArgs {
    /// Name of the container group
    name: String,
    /// Show the output of this container [default: the only one]
    #[arg(long, visible_alias = "container-name", value_name = "NAME")]
    container: Option<String>,
}

/// Shows output until the container has ended.
pub(crate) async fn run(context: &Context, args: &AttachArgs) -> Result<(), CliError> {
    let container = container_of(context, &args.name, args.container.as_deref()).await?;
    let path = context.group_path(&args.name).await?;
    let path = format!("{path}/containers/{}/attach", escape(&container));
    let client = context.client().await?;
    let answer = client.post(&versioned(&path), None::<&Value>).await?;
    Session::open(client, &answer.body).await?.run(Input::None, false).await?;
    Ok(())
}
