//! The one binary: dispatches to the shim, mounts, the daemon and the client commands. No logic lives here.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let program = args.next();
    // The shim comes first: it must stay small, and nothing else may have been set up.
    match args.next() {
        Some(word) if word == "shim" => wharf_shim::main(args),
        Some(word) if word == "confine" => wharf_shim::confine(args),
        Some(word) if word == "smb-mount" => wharf_smb::main(),
        Some(word) if word == "serve" => wharf_server::main(std::iter::once(word).chain(args)),
        word => {
            let args = program.into_iter().chain(word).chain(args);
            wharf_cli::main(args, wharf_server::command())
        }
    }
}
