//! `wharf image list`.

use serde_json::Value;

use crate::{context::Context, error::CliError, output};

/// Lists the images.
pub(super) async fn run(context: &Context) -> Result<(), CliError> {
    let images = context.client().await?.list("/wharf/v1/images").await?;
    if !context.output.is_readable() {
        return context.output.document(&Value::Array(images));
    }
    output::text(&super::table(&images, context.now()))
}
