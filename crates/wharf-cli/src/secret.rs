//! Secrets that this program chooses, so that no answer of the daemon ever holds one.

use std::io::{self, BufRead as _, IsTerminal as _};

use uuid::Uuid;

use crate::error::CliError;

/// A secret with more than 240 random bits.
pub(crate) fn random() -> String {
    [Uuid::new_v4(), Uuid::new_v4()].map(|id| id.simple().to_string()).concat()
}

/// A random id.
pub(crate) fn id() -> String {
    Uuid::new_v4().to_string()
}

/// The first line of stdin.
pub(crate) fn from_stdin() -> Result<String, CliError> {
    if io::stdin().is_terminal() {
        crate::output::note("password (it is shown while you type; better pipe it in):");
    }
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let line = line.trim_end_matches(['\r', '\n']).to_owned();
    if line.is_empty() { Err(CliError::usage("stdin holds no secret")) } else { Ok(line) }
}
