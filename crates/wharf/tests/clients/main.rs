//! The clients that people have for Azure, unmodified, against the whole binary: the SDKs for
//! Python and JavaScript, the Azure CLI, schemathesis, and the portal in a browser. `scripts/clients` installs them; a test whose client is
//! not there is ignored and says why.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

#[path = "../harness/mod.rs"]
mod harness;

mod azure_cli;
mod fuzz;
mod identity;
mod installed;
mod portal;
mod sdk;
mod server;

use std::{
    path::PathBuf,
    process::{Command, ExitCode},
};

use libtest_mimic::{Arguments, Failed, Trial};

use installed::Installed;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let clients = Installed::find();
    let mut trials = sdk::trials(&clients);
    trials.extend(azure_cli::trials(&clients));
    trials.extend(identity::trials(&clients));
    trials.extend(fuzz::trials(&clients));
    trials.extend(portal::trials());
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A test with a client; ignored when that is not installed.
#[expect(clippy::print_stderr, reason = "a skipped test says why")]
fn trial(
    name: &str,
    client: Result<PathBuf, String>,
    test: impl FnOnce(PathBuf) + Send + 'static,
) -> Trial {
    match client {
        Ok(path) => Trial::test(name, move || {
            let alone = std::thread::spawn(move || {
                leave_the_network();
                test(path);
            });
            alone.join().map_err(|_| Failed::without_message())
        }),
        Err(why) => {
            eprintln!("skipped: {name}: {why}");
            Trial::test(name, || Ok(())).with_ignored_flag(true)
        }
    }
}

/// Gives this thread, and what it starts, a network that reaches nothing: neither do clients call
/// home, nor do made-up names of registries leave the machine, nor do tests meet.
fn leave_the_network() {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
    let up = Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap();
    assert!(up.success());
}
