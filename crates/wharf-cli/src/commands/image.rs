//! `wharf image`: the daemon's image store, through its own `/wharf/v1/images`.

mod export;
mod import;
mod inspect;
mod list;
mod prune;
mod pull;

use serde_json::Value;

use crate::{context::Context, error::CliError, group, table::Table};

/// Arguments.
#[derive(clap::Args, Debug)]
pub(crate) struct ImageArgs {
    #[command(subcommand)]
    command: ImageCommand,
}

/// What to do with images.
#[derive(Debug, clap::Subcommand)]
enum ImageCommand {
    /// Pull an image from a registry
    Pull(pull::PullArgs),
    /// List the images in the store
    #[command(visible_alias = "ls")]
    List,
    /// Show an image with its configuration
    Inspect(inspect::InspectArgs),
    /// Import an OCI layout directory or a docker-archive of the daemon's host
    Import(import::ImportArgs),
    /// Write an image to a file that `wharf image import` and other tools read
    Export(export::ExportArgs),
    /// Remove images that no container group uses
    Prune(prune::PruneArgs),
}

/// Runs a subcommand.
pub(crate) async fn run(context: &Context, args: &ImageArgs) -> Result<(), CliError> {
    match &args.command {
        ImageCommand::Pull(args) => pull::run(context, args).await,
        ImageCommand::List => list::run(context).await,
        ImageCommand::Inspect(args) => inspect::run(context, args).await,
        ImageCommand::Import(args) => import::run(context, args).await,
        ImageCommand::Export(args) => export::run(context, args).await,
        ImageCommand::Prune(args) => prune::run(context, args).await,
    }
}

fn table(images: &[Value], now: jiff::Timestamp) -> String {
    let mut table = Table::new(&["REFERENCE", "DIGEST", "LAYERS", "SIZE", "AGE"]);
    for image in images {
        let get = |name: &str| group::text(image, &format!("/{name}")).unwrap_or_default();
        let digest = get("digest");
        table.row(vec![
            get("reference").to_owned(),
            digest.get(..19).unwrap_or(digest).to_owned(),
            image.get("layers").map(Value::to_string).unwrap_or_default(),
            image.get("packedBytes").and_then(Value::as_u64).map(size).unwrap_or_default(),
            group::age(now, get("storedAt").parse().ok()),
        ]);
    }
    table.render()
}

fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn images_become_rows() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let images = [json!({ "reference": "docker.io/library/nginx:1", "digest": digest,
            "packedBytes": 5_000_000, "layers": 3, "storedAt": "2026-01-01T00:00:00Z" })];
        let now = "2026-01-02T00:00:00Z".parse().unwrap();
        insta::assert_snapshot!(table(&images, now), @r"
        REFERENCE                  DIGEST               LAYERS  SIZE      AGE
        docker.io/library/nginx:1  sha256:abababababab  3       4.77 MiB  24h
        ");
    }
}
