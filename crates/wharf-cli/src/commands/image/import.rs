//! `wharf image import`.

use camino::Utf8PathBuf;
use serde_json::{Value, json};

use crate::{context::Context, error::CliError, group, output, progress::Progress};

/// Arguments.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  skopeo copy docker://alpine oci:alpine:latest && wharf image import alpine
  docker save my/app:1 -o app.tar && wharf image import app.tar")]
pub(super) struct ImportArgs {
    /// Directory or archive on the daemon's host
    path: Utf8PathBuf,
    /// Store the image under this name [default: the name inside]
    #[arg(long, value_name = "REFERENCE")]
    name: Option<String>,
}

/// Imports images. The daemon reads the path itself, so it must know the whole of it.
pub(super) async fn run(context: &Context, args: &ImportArgs) -> Result<(), CliError> {
    let client = context.client().await?;
    if !client.is_local() {
        return Err(CliError::usage_hint(
            "images are imported on the daemon's host",
            "run it there through the socket, or push to a registry and use `wharf image pull`",
        ));
    }
    let path = args.path.canonicalize_utf8();
    let path = path.map_err(|error| CliError::usage(format!("{}: {error}", args.path)))?;
    let progress = Progress::new(format!("importing {path}"));
    let mut request = json!({ "path": path });
    if let Some(name) = &args.name {
        request["name"] = json!(name);
    }
    let imported = client.post("/wharf/v1/images/import", Some(&request)).await?.body;
    drop(progress);
    if !context.output.is_readable() {
        return context.output.document(imported.get("value").unwrap_or(&Value::Null));
    }
    let references =
        group::items(&imported, "/value").iter().filter_map(|i| group::text(i, "/reference"));
    output::text(&references.map(|reference| format!("{reference}\n")).collect::<Vec<_>>().concat())
}
