//! `wharf completion`.

use clap_complete::Shell;

use crate::{error::CliError, output};

/// Arguments.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  wharf completion bash > /etc/bash_completion.d/wharf
  wharf completion fish > ~/.config/fish/completions/wharf.fish")]
pub(crate) struct CompletionArgs {
    /// Shell that will read the script
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(args: &CompletionArgs, mut command: clap::Command) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "wharf", &mut script);
    output::text(&String::from_utf8_lossy(&script))
}
