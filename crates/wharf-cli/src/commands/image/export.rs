//! `wharf image export`.

use std::io::{self, IsTerminal as _, Write};

use camino::{Utf8Path, Utf8PathBuf};

use crate::{client::escape, context::Context, error::CliError, progress::Progress};

/// Arguments.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  wharf image export my/app:1 --file app.tar
  wharf image export my/app:1 | ssh other 'cat > app.tar && wharf image import app.tar'")]
pub(super) struct ExportArgs {
    /// Name of the image
    reference: String,
    /// Write to this file [default: to the output, if that is no terminal]
    #[arg(short, long, value_name = "FILE")]
    file: Option<Utf8PathBuf>,
}

/// Writes an image as an OCI layout archive.
pub(super) async fn run(context: &Context, args: &ExportArgs) -> Result<(), CliError> {
    if args.file.is_none() && io::stdout().is_terminal() {
        return Err(CliError::usage("an archive is nothing for a terminal: pass --file"));
    }
    let progress = Progress::new(format!("exporting {}", args.reference));
    let path = format!("/wharf/v1/images/export?reference={}", escape(&args.reference));
    let mut answer = context.client().await?.get_pieces(&path).await?;
    let target = args.file.as_deref();
    let about = |error: io::Error| {
        CliError::usage(format!("{}: {error}", target.map_or("output", Utf8Path::as_str)))
    };
    // Under another name until it is whole.
    let part = target.map(|path| Utf8PathBuf::from(format!("{path}.part")));
    let mut out: Box<dyn Write + Send> = match &part {
        Some(path) => Box::new(fs_err::File::create(path).map_err(about)?),
        None => Box::new(io::stdout()),
    };
    while let Some(piece) = answer.next().await? {
        out.write_all(&piece).map_err(about)?;
    }
    out.flush().map_err(about)?;
    drop((out, progress));
    match part.zip(target) {
        Some((part, path)) => fs_err::rename(part, path).map_err(about),
        None => Ok(()),
    }
}
