//! `wharf confine DIRECTORY PROGRAM ARGUMENT…`: a program of the host at work for a stranger.
//!
//! The program becomes `nobody`, sees the directory as its working directory whatever may be above
//! it, gains no privileges, has limits, and dies with the daemon. What it makes is thereby all in
//! the directory.

use std::{error::Error, ffi::OsString, os::unix::process::CommandExt as _, process::Command};

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::{
        prctl,
        resource::{Resource, getrlimit, setrlimit},
        signal::Signal,
        stat::{Mode, umask},
    },
    unistd::{Gid, Uid, chdir, setgid, setgroups, setuid},
};

/// The user and group `nobody` and `nogroup` of every system.
pub const NOBODY: u32 = 65_534;

/// Where the directory is seen: there on every system that follows the standard.
const PLACE: &str = "/mnt";

const LIMITS: [(Resource, u64); 4] = [
    (Resource::RLIMIT_CORE, 0),
    (Resource::RLIMIT_FSIZE, 8 << 30),
    (Resource::RLIMIT_AS, 4 << 30),
    (Resource::RLIMIT_NOFILE, 1024),
];

/// Returns only if the program cannot be executed.
pub(crate) fn run(mut args: impl Iterator<Item = OsString>) -> Result<(), Box<dyn Error>> {
    let (Some(directory), Some(program)) = (args.next(), args.next()) else {
        return Err("confine needs a directory and a program".into());
    };
    unshare(CloneFlags::CLONE_NEWNS)?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>)?;
    let bind = MsFlags::MS_BIND;
    mount(Some(directory.as_os_str()), PLACE, None::<&str>, bind, None::<&str>)?;
    let flags = MsFlags::MS_REMOUNT | bind | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(None::<&str>, PLACE, None::<&str>, flags, None::<&str>)?;
    chdir(PLACE)?;
    for (resource, limit) in LIMITS {
        let (_, hard) = getrlimit(resource)?;
        setrlimit(resource, limit.min(hard), limit.min(hard))?;
    }
    setgroups(&[])?;
    setgid(Gid::from_raw(NOBODY))?;
    setuid(Uid::from_raw(NOBODY))?;
    prctl::set_no_new_privs()?;
    // Changing the user has reset this, so it comes last.
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    umask(Mode::from_bits_truncate(0o022));
    let failure = Command::new(&program).args(args).exec();
    Err(format!("execute {}: {failure}", program.display()).into())
}
