//! `wharf logs`.

mod follow;

use serde_json::Value;

use crate::{
    client::escape,
    context::{Context, versioned},
    error::CliError,
    group, output,
};

/// Arguments.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  wharf logs hello
  wharf logs -f hello --container sidecar --tail 20
  wharf logs hello --timestamps
  wharf logs hello --previous")]
pub(crate) struct LogsArgs {
    /// Name of the container group
    name: String,
    /// Print the output of this container [default: the only one]
    #[arg(long, visible_alias = "container-name", value_name = "NAME")]
    container: Option<String>,
    /// Go on until the container has ended for good
    #[arg(short, long)]
    follow: bool,
    /// Print only this many of the last lines
    #[arg(long, value_name = "LINES", value_parser = clap::value_parser!(u32).range(1..))]
    tail: Option<u32>,
    /// Print the time before each line
    #[arg(long)]
    timestamps: bool,
    /// Print the output of the run before the latest one
    #[arg(short, long, conflicts_with = "follow")]
    previous: bool,
}

/// Prints what a container has written.
pub(crate) async fn run(context: &Context, args: &LogsArgs) -> Result<(), CliError> {
    let container = container_of(context, &args.name, args.container.as_deref()).await?;
    let path = context.group_path(&args.name).await?;
    let path = format!("{path}/containers/{}/logs", escape(&container));
    let log = Log { context, path, previous: args.previous };
    if args.follow {
        return follow::run(&log, args, &container).await;
    }
    let text = log.read(args.tail, args.timestamps).await?;
    if context.output.is_readable() {
        return output::text(&text);
    }
    context.output.document(&serde_json::json!({ "content": text }))
}

/// The container that was named, or the only one.
pub(crate) async fn container_of(
    context: &Context,
    group: &str,
    named: Option<&str>,
) -> Result<String, CliError> {
    match named {
        Some(container) => Ok(container.to_owned()),
        None => only_container(&context.group(group).await?),
    }
}

fn only_container(group: &Value) -> Result<String, CliError> {
    match group::container_names(group).as_slice() {
        [only] => Ok((*only).to_owned()),
        names => Err(CliError::usage_hint(
            "the group has several containers",
            format!("choose one with --container: {}", names.join(", ")),
        )),
    }
}

/// The log of one container.
#[derive(Debug)]
struct Log<'a> {
    context: &'a Context,
    path: String,
    previous: bool,
}

impl Log<'_> {
    async fn read(&self, tail: Option<u32>, timestamps: bool) -> Result<String, CliError> {
        let tail = tail.map(|tail| format!("&tail={tail}")).unwrap_or_default();
        let timestamps = if timestamps { "&timestamps=true" } else { "" };
        let previous = if self.previous { "&previous=true" } else { "" };
        let path = format!("{}{tail}{timestamps}{previous}", versioned(&self.path));
        let document = self.context.client().await?.get(&path).await?;
        Ok(group::text(&document, "/content").unwrap_or_default().to_owned())
    }
}
