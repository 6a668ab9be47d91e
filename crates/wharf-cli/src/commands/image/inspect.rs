//! `wharf image inspect`.

use crate::{client::escape, context::Context, error::CliError, output};

/// Arguments.
#[derive(clap::Args, Debug)]
pub(super) struct InspectArgs {
    /// Name of the image
    reference: String,
}

/// Shows an image; its configuration has no readable form but its document.
pub(super) async fn run(context: &Context, args: &InspectArgs) -> Result<(), CliError> {
    let path = format!("/wharf/v1/images/inspect?reference={}", escape(&args.reference));
    let image = context.client().await?.get(&path).await?;
    if context.output.is_readable() {
        return output::text(&output::yaml(&image)?);
    }
    context.output.document(&image)
}
