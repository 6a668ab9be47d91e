//! The portal in a browser: `portal/test/portal.mjs` drives Debian's chromium.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::Stdio,
};

use libtest_mimic::Trial;

use crate::{server::Server, trial};

const PORTAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../portal");
const PASSWORD: &str = "a password of the test";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("portal", installed(), |portal| in_a_browser(&portal)),
        trial("portal_many", installed(), |portal| many_groups(&portal)),
    ]
}

fn installed() -> Result<PathBuf, String> {
    let portal = PathBuf::from(PORTAL);
    for part in ["dist/index.html", "node_modules/playwright-core"] {
        if !portal.join(part).exists() {
            return Err(format!("portal/{part} is not there: run scripts/portal test"));
        }
    }
    for program in ["/usr/bin/chromium", "/usr/bin/certutil"] {
        if !Path::new(program).exists() {
            return Err(format!("{program} is not installed: run scripts/bootstrap test"));
        }
    }
    Ok(portal)
}

fn in_a_browser(portal: &Path) {
    // The network is this test's own, and after a restart the address has to be the same.
    let mut server = Server::with(&["--listen", "127.0.0.1:8443"]);
    drive(&mut server, &portal.join("test/portal.mjs"));
}

/// As many groups as `WHARF_MANY` says.
fn many_groups(portal: &Path) {
    let mut server = Server::with(&[
        "--address-pool",
        "10.209.0.0/20",
        "--cpu-overcommit",
        "1000",
        "--memory-overcommit",
        "1000",
    ]);
    drive(&mut server, &portal.join("test/many.mjs"));
}

/// Runs a script that drives a browser, and restarts the daemon when it asks for that.
#[expect(clippy::print_stdout, reason = "a test tells what it has measured")]
fn drive(server: &mut Server, script: &Path) {
    let (owner, reader) = ("ann@wharf.internal", "rob@wharf.internal");
    let stranger = "sam@wharf.internal";
    for (user, role) in [(owner, "Owner"), (reader, "Reader"), (stranger, "")] {
        let mut command = server.wharf.command(&["user", "create", user]);
        if !role.is_empty() {
            command.args(["--role", role]);
        }
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{PASSWORD}").unwrap();
        assert!(child.wait().unwrap().success());
    }
    let mut browser = server.client(Path::new("node"));
    browser.arg(script).env("WHARF_OWNER", owner);
    browser.env("WHARF_READER", reader).env("WHARF_STRANGER", stranger);
    browser.env("WHARF_PASSWORD", PASSWORD);
    if std::env::var_os("WHARF_MANY").is_none() {
        browser.env("WHARF_MANY", "200");
    }
    let mut child = browser.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        println!("{line}");
        if line == "RESTART" {
            server.wharf.kill();
            server.wharf.up(&[]);
            writeln!(input, "done").unwrap();
        }
    }
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}: {}", server.wharf.log());
}
