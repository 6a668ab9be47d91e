//! The Azure CLI: the walk-through that users read is run as it stands.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use libtest_mimic::Trial;

use crate::{
    installed::{Installed, SCRIPTS},
    server::Server,
    trial,
};

pub(crate) fn trials(clients: &Installed) -> Vec<Trial> {
    let client = clients.az().and_then(can_log_in);
    vec![trial("azure_cli::walk_through", client, |bin| walk_through(&bin))]
}

/// The walk-through begins with `wharf az-env`.
fn can_log_in(bin: PathBuf) -> Result<PathBuf, String> {
    let help = Command::new(env!("CARGO_BIN_EXE_wharf")).args(["az-env", "--help"]).output();
    match help {
        Ok(output) if output.status.success() => Ok(bin),
        Ok(_) | Err(_) => Err("this wharf has no az-env yet".to_owned()),
    }
}

fn walk_through(bin: &Path) {
    let server = Server::start();
    let home = tempfile::tempdir().unwrap();
    // The reader has `az` and `wharf` in the path, and nothing of Azure's in the home directory.
    let wharf = Path::new(env!("CARGO_BIN_EXE_wharf")).parent().unwrap();
    let mut path = OsString::from(bin);
    for more in [wharf.as_os_str(), std::env::var_os("PATH").unwrap().as_os_str()] {
        path.push(":");
        path.push(more);
    }
    let mut client = server.client_with_names(Path::new("python3"));
    client
        .arg(format!("{SCRIPTS}/python/walkthrough.py"))
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/azure-cli.md"))
        .env("PATH", path)
        .env("HOME", home.path())
        .env("WHARF_ENDPOINT", server.wharf.endpoint())
        .env_remove("REQUESTS_CA_BUNDLE");
    let told = server.succeeds(client);
    assert!(told.contains(" 0 failed"), "{told}");
}
