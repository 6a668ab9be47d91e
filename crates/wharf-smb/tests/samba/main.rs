//! Mounts of a real Samba server's share, by FUSE.
//!
//! The test program is also the program that mounts: as `<program> smb-mount` it is one.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test, though without the standard harness clippy cannot know"
)]

mod files;
mod mounted;
mod outages;
#[path = "../../../wharf/tests/harness/ports.rs"]
mod ports;
mod random;
mod server;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};

type Test = (&'static str, fn());

fn main() -> ExitCode {
    if std::env::args().nth(1).is_some_and(|word| word == "smb-mount") {
        return wharf_smb::main();
    }
    let args = Arguments::from_args();
    let obstacle = obstacle();
    if let Some(obstacle) = obstacle {
        println!("skipped: {obstacle}");
    } else if !args.list {
        // Before there is a second thread. Nothing of this is seen on the host.
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap();
    }
    let trial = |(name, test): Test| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
        .with_ignored_flag(obstacle.is_some())
    };
    let trials =
        [files::TESTS, outages::TESTS, random::TESTS].concat().into_iter().map(trial).collect();
    libtest_mimic::run(&args, trials).exit_code()
}

fn obstacle() -> Option<&'static str> {
    if !nix::unistd::geteuid().is_root() {
        Some("mounting takes root")
    } else if !std::path::Path::new("/dev/fuse").exists() {
        Some("the kernel has no FUSE")
    } else if !server::is_installed() {
        Some("smbd is not installed")
    } else {
        None
    }
}
