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
        trials.push(trial(&name, clients.sdk(), move |bin| python(&Server::start(), &bin, part)));
    }
    trials.push(trial("python_sdk::with_a_secret", clients.sdk(), |bin| {
        python(&Server::with_login(), &bin, "lifecycle");
    }));
    trials.push(trial("python_sdk::registry", clients.sdk(), |bin| {
        let server = Server::with_login();
        let mut client = server.client_with_names(&bin.join("python"));
        client.arg(format!("{SCRIPTS}/python/registry.py"));
        server.succeeds(client);
    }));
    for part in ["lifecycle", "errors"] {
        let name = format!("js_sdk::{part}");
        trials.push(trial(&name, clients.js(), move |packages| {
            javascript(&Server::start(), &packages, part);
        }));
    }
    trials.push(trial("js_sdk::with_a_secret", clients.js(), |packages| {
        javascript(&Server::with_login(), &packages, "lifecycle");
    }));
    trials
}

fn python(server: &Server, bin: &Path, part: &str) {
    let mut client = server.client(&bin.join("python"));
    client.arg(format!("{SCRIPTS}/python/sdk.py")).arg(part);
    server.succeeds(client);
}

/// Node finds packages beside the script only, so that runs from a copy beside the packages.
fn javascript(server: &Server, packages: &Path, part: &str) {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("sdk.mjs");
    std::fs::copy(format!("{SCRIPTS}/js/sdk.mjs"), &script).unwrap();
    std::os::unix::fs::symlink(packages.join("node_modules"), dir.path().join("node_modules"))
        .unwrap();
    let mut client = server.client(Path::new("node"));
    client.arg(&script).arg(part);
    server.succeeds(client);
}
