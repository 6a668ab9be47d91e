//! `wharf version`.

use serde_json::json;

use crate::{context::Context, error::CliError, output};

/// Prints the version of this program; the daemon is not asked.
pub(crate) fn run(context: &Context) -> Result<(), CliError> {
    let version = env!("CARGO_PKG_VERSION");
    if context.output.is_readable() {
        return output::text(&format!("wharf {version}\n"));
    }
    let api_version = wharf_arm::ApiVersion::LATEST.as_str();
    context.output.document(&json!({ "version": version, "apiVersion": api_version }))
}
