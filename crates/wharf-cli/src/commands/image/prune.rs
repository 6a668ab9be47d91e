//! `wharf image prune`.

use serde_json::Value;

use crate::{context::Context, error::CliError, group, output};

/// Arguments.
#[derive(clap::Args, Debug)]
pub(super) struct PruneArgs {
    /// Accepted as in docker; prune asks nothing, since no group loses anything
    #[arg(short, long, hide = true)]
    yes: bool,
}

/// Removes unused images.
pub(super) async fn run(context: &Context, args: &PruneArgs) -> Result<(), CliError> {
    let _ = args.yes;
    let removed = context.client().await?.post("/wharf/v1/images/prune", None).await?.body;
    if !context.output.is_readable() {
        return context.output.document(&removed);
    }
    let images = group::items(&removed, "/images").iter().filter_map(Value::as_str);
    output::text(&images.map(|image| format!("{image}\n")).collect::<Vec<_>>().concat())?;
    let layers = removed.get("layers").and_then(Value::as_u64).unwrap_or(0);
    let count = group::items(&removed, "/images").len();
    output::note(&format!("removed {count} images and {layers} layers"));
    Ok(())
}
