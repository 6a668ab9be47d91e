//! The SDKs of Azure Files, unmodified. `scripts/clients files files-js` installs them; a test whose
//! client is not there is ignored and says why.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

#[path = "../rest/server.rs"]
mod server;

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use libtest_mimic::{Arguments, Failed, Trial};

use server::{ACCOUNT, KEY, OTHER, Server};

/// The scripts that drive the clients.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");
const PUBLISHED: [&str; 8] = [
    "test_share.py",
    "test_directory.py",
    "test_file.py",
    "test_get_file.py",
    "test_handle.py",
    "test_file_service_properties.py",
    "test_sas.py",
    "test_file_api_version.py",
];
const PARTS: [&str; 4] = ["shares", "directories", "files", "signatures"];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for part in PARTS {
        trials
            .push(trial(format!("python_sdk::{part}"), "files", move |place| python(&place, part)));
        trials.push(trial(format!("js_sdk::{part}"), "files-js", move |place| {
            javascript(&place, part);
        }));
    }
    trials.push(trial("azure_cli".to_owned(), "az", |place| azure_cli(&place)));
    trials.push(trial("published_suite".to_owned(), "files-suite", |place| published(&place)));
    let throughput = trial("throughput".to_owned(), "files", |place| python(&place, "throughput"));
    trials.push(throughput.with_ignored_flag(true));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A test with a client; ignored when that is not installed.
#[expect(clippy::print_stderr, reason = "a skipped test says why")]
fn trial(name: String, client: &str, test: impl FnOnce(PathBuf) + Send + 'static) -> Trial {
    let place = clients().join(client);
    if !place.join(".complete").exists() {
        eprintln!("skipped: {name}: not installed in {}: run scripts/clients", place.display());
        return Trial::test(name, || Ok(())).with_ignored_flag(true);
    }
    Trial::test(name, move || {
        let alone = std::thread::spawn(move || test(place));
        alone.join().map_err(|_| Failed::without_message())
    })
}

/// The same place as `scripts/clients` has.
fn clients() -> PathBuf {
    let var = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || var("XDG_CACHE_HOME").or_else(|| var("HOME").map(|home| home.join(".cache")));
    var("WHARF_CLIENTS").unwrap_or_else(|| cache().unwrap_or_default().join("wharf/clients"))
}

fn python(place: &Path, part: &str) {
    let server = Server::with_share();
    let mut client = Command::new(place.join("bin/python"));
    client.arg(format!("{SCRIPTS}/python/files.py"));
    succeeds(&server, client, part, &server.endpoint());
}

/// Node finds packages beside the script only, so that runs from a copy beside the packages.
fn javascript(place: &Path, part: &str) {
    let server = Server::with_share();
    let script = server.dir().join("files.mjs");
    std::fs::copy(format!("{SCRIPTS}/js/files.mjs"), &script).unwrap();
    let modules = server.dir().join("node_modules");
    std::os::unix::fs::symlink(place.join("node_modules"), modules).unwrap();
    let mut client = Command::new("node");
    client.arg(script);
    // Renaming with this SDK needs the account in the name of the host.
    succeeds(&server, client, part, &server.endpoint_by_host());
}

fn azure_cli(place: &Path) {
    let server = Server::with_share();
    let work = server.dir().join("work");
    std::fs::create_dir(&work).unwrap();
    let mut path = place.join("bin").into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut client = Command::new(format!("{SCRIPTS}/az.sh"));
    client.args([&server.endpoint(), ACCOUNT, KEY]).arg(work).env("PATH", path);
    assert!(client.status().unwrap().success(), "{client:?}");
}

/// The tests that the Python SDK is published with; `suite/differences.txt` says which have to fail.
fn published(place: &Path) {
    let server = Server::start();
    let port = server.address().port();
    let suite = server.dir().join("tests");
    let copied = Command::new("cp").arg("-r").arg(place.join("suite/tests")).arg(&suite).status();
    assert!(copied.unwrap().success());
    let mut settings =
        format!("PROTOCOL = 'http'\nACCOUNT_URL_SUFFIX = 'core.wharf.test:{port}'\n");
    settings.push_str("RUN_IN_LIVE = 'True'\nSKIP_LIVE_RECORDING = 'True'\n");
    for (stem, account) in
        [("STORAGE", ACCOUNT), ("SECONDARY_STORAGE", OTHER), ("PREMIUM_STORAGE_FILE", ACCOUNT)]
    {
        settings.extend([stem, "_ACCOUNT_NAME = '", account, "'\n"]);
        settings.extend([stem, "_ACCOUNT_KEY = '", KEY, "'\n"]);
    }
    std::fs::write(suite.join("settings/settings_real.py"), settings).unwrap();
    let mut client = Command::new(place.join("bin/python"));
    client.args([
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "wharf_suite",
        "--tb=short",
    ]);
    client.args(["--timeout=60", "--no-header", "-W", "ignore"]).args(PUBLISHED);
    client.current_dir(&suite).env("PYTHONPATH", format!("{SCRIPTS}/python/suite"));
    let status = client.env("PYTHONDONTWRITEBYTECODE", "1").status().unwrap();
    assert!(status.success(), "{client:?}");
}

fn succeeds(server: &Server, mut client: Command, part: &str, endpoint: &str) {
    client.args([part, endpoint, ACCOUNT, KEY]).arg(server.tree("data"));
    let status = client.env("PYTHONDONTWRITEBYTECODE", "1").status().unwrap();
    assert!(status.success(), "{client:?}");
}
