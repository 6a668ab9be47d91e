//! The SDKs for Python and JavaScript.

use std::path::Path;

use libtest_mimic::Trial;

use crate::{
    installed::{Installed, SCRIPTS},
    server::Server,
    trial,
};

pub(crate) fn trials(clients: &Installed) -> Vec<Trial> {
    let mut trials = Vec::new();
    for part in ["lifecycle", "errors", "shapes"] {
        let name = format!("python_sdk::{part}");
        trials.push(trial(&name, clients.sdk(), move |bin| python(&bin, part)));
    }
    for part in ["lifecycle", "errors"] {
        let name = format!("js_sdk::{part}");
        trials.push(trial(&name, clients.js(), move |packages| javascript(&packages, part)));
    }
    trials
}

fn python(bin: &Path, part: &str) {
    let server = Server::start();
    let mut client = server.client(&bin.join("python"));
    client.arg(format!("{SCRIPTS}/python/sdk.py")).arg(part);
    server.succeeds(client);
}

/// Node finds packages beside the script only, so that runs from a copy beside the packages.
fn javascript(packages: &Path, part: &str) {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("sdk.mjs");
    std::fs::copy(format!("{SCRIPTS}/js/sdk.mjs"), &script).unwrap();
    std::os::unix::fs::symlink(packages.join("node_modules"), dir.path().join("node_modules"))
        .unwrap();
    let mut client = server.client(Path::new("node"));
    client.arg(&script).arg(part);
    server.succeeds(client);
}
