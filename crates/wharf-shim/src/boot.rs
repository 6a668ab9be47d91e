//! From a freshly executed program to a shim that listens.
//!
//! The order matters. The cgroup comes first, so that a shim that gets no further is found and
//! killed by it. The socket comes last and by a relative name in the directory the shim was
//! started in: if that directory has been removed meanwhile, or has a shim already, binding fails,
//! and the shim gives up.

use std::{
    fs::File,
    io::{self, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixListener,
    },
};

use fs_err as fs;
use nix::{
    errno::Errno,
    sched::{CloneFlags, setns, unshare},
    sys::{
        prctl::set_child_subreaper,
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
        stat::{Mode, umask},
    },
    unistd::{dup2_stderr, dup2_stdin, dup2_stdout, sethostname, setsid},
};

use crate::{
    args::Args,
    cgroup::{self, CgroupError},
    journal::{Journal, JournalError},
    limits,
    paths::Sandbox,
    sys,
};

/// A shim that did not get ready.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BootError {
    /// The descriptors it is given at its start cannot be put aside.
    #[error("take over descriptors")]
    Descriptors(#[source] io::Error),
    /// It cannot become independent of its starter.
    #[error("detach")]
    Detach(#[source] Errno),
    /// It cannot leave its starter's cgroup.
    #[error("leave the cgroup")]
    Cgroup(#[source] CgroupError),
    /// It cannot enter or make its namespaces.
    #[error("enter namespaces")]
    Namespaces(#[source] Errno),
    /// Signals cannot be directed to a descriptor.
    #[error("take over signals")]
    Signals(#[source] Errno),
    /// A file in its directory cannot be made.
    #[error("make {name}")]
    File {
        /// Which file.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The journal cannot be made.
    #[error("make journal")]
    Journal(#[source] JournalError),
}

/// A shim with all it needs.
#[derive(Debug)]
pub(crate) struct Shim {
    /// Where requests come in.
    pub(crate) listener: UnixListener,
    /// Where signals come in.
    pub(crate) signals: SignalFd,
    /// Where history goes.
    pub(crate) journal: Journal,
}

/// What the starter gave it: the network namespace, and where to say how it went.
#[derive(Debug)]
pub(crate) struct Given {
    netns: OwnedFd,
    starter: OwnedFd,
}

impl Given {
    /// Says how it went, once.
    pub(crate) fn tell_starter(self, word: &str) {
        // A starter that has died will look at the socket instead.
        let _unheard = File::from(self.starter).write_all(word.as_bytes());
    }
}

/// Takes the descriptors off the standard ones; both are closed on execution.
pub(crate) fn take_descriptors() -> Result<Given, BootError> {
    let copy =
        |fd: std::os::fd::BorrowedFd<'_>| fd.try_clone_to_owned().map_err(BootError::Descriptors);
    Ok(Given { netns: copy(io::stdin().as_fd())?, starter: copy(io::stdout().as_fd())? })
}

/// Leaves the starter's session and cgroup and lets the starter go on. `false` in the process that
/// has nothing left to do.
pub(crate) fn detach(args: &Args) -> Result<bool, BootError> {
    setsid().map_err(BootError::Detach)?;
    let cgroup = args.layout.shim_cgroup(&args.id);
    let cgroup = cgroup::make_unified(&cgroup).map_err(BootError::Cgroup)?;
    let child = sys::fork_into(0, cgroup.as_ref().map(AsFd::as_fd)).map_err(BootError::Detach)?;
    Ok(child.is_none())
}

/// Gets ready and says so, or says why not.
pub(crate) fn boot(args: &Args, given: Given) -> Result<Shim, BootError> {
    let booted = prepare(args, &given.netns);
    match &booted {
        Ok(_) => given.tell_starter("ready"),
        Err(error) => given.tell_starter(&crate::chain(error)),
    }
    if booted.is_err() {
        leave_no_trace(args);
    }
    booted
}

fn prepare(args: &Args, netns: &OwnedFd) -> Result<Shim, BootError> {
    umask(Mode::from_bits_truncate(0o022));
    let sandbox = args.layout.sandbox(&args.id);
    redirect(&sandbox)?;
    let cgroup = args.layout.shim_cgroup(&args.id);
    cgroup::enter_apart(&cgroup, limits::SHIM_QUOTA).map_err(BootError::Cgroup)?;
    enter_namespaces(args, netns).map_err(BootError::Namespaces)?;
    set_child_subreaper(true).map_err(BootError::Detach)?;
    let signals = take_signals().map_err(BootError::Signals)?;
    let relative = |name: &camino::Utf8Path| name.file_name().unwrap_or_default().to_owned();
    let journal = Journal::open(relative(&sandbox.journal()).as_str().into());
    let journal = journal.map_err(BootError::Journal)?;
    let name = relative(&sandbox.socket());
    let listener = bind(&name).map_err(|source| BootError::File { name, source })?;
    write_pid(&relative(&sandbox.pid_file()))?;
    Ok(Shim { listener, signals, journal })
}

/// Nothing on the standard descriptors but its own log.
fn redirect(sandbox: &Sandbox) -> Result<(), BootError> {
    let log = sandbox.shim_log();
    let name = log.file_name().unwrap_or_default().to_owned();
    let failed = |source| BootError::File { name: name.clone(), source };
    let log = fs::OpenOptions::new().create(true).append(true).open(&name).map_err(failed)?;
    let null = fs::OpenOptions::new().read(true).write(true).open("/dev/null").map_err(failed)?;
    let failed = |error: Errno| BootError::Descriptors(error.into());
    dup2_stdin(&null).map_err(failed)?;
    dup2_stdout(&null).map_err(failed)?;
    dup2_stderr(&log).map_err(failed)
}

fn enter_namespaces(args: &Args, netns: &OwnedFd) -> Result<(), Errno> {
    setns(netns, CloneFlags::CLONE_NEWNET)?;
    unshare(CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS)?;
    sethostname(&args.hostname)?;
    // As Docker and containerd do: ports below 1024 and ping are for everybody in there. Kernels
    // that do not know these are fine too.
    for (name, value) in [("ip_unprivileged_port_start", "0"), ("ping_group_range", "0 2147483647")]
    {
        drop(fs::write(format!("/proc/sys/net/ipv4/{name}"), value));
    }
    Ok(())
}

/// All signals that can be had by descriptor are: SIGCHLD is of interest, the others are ignored.
fn take_signals() -> Result<SignalFd, Errno> {
    let mut mask = SigSet::empty();
    for signal in [
        Signal::SIGCHLD,
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGQUIT,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGALRM,
        Signal::SIGTSTP,
    ] {
        mask.add(signal);
    }
    mask.thread_block()?;
    SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
}

/// Whole or not at all: whoever reads it, reads a number.
fn write_pid(name: &str) -> Result<(), BootError> {
    let failed = |source| BootError::File { name: name.to_owned(), source };
    let draft = format!("{name}.new");
    fs::write(&draft, format!("{}\n", std::process::id())).map_err(failed)?;
    fs::rename(&draft, name).map_err(failed)
}

fn bind(name: &str) -> io::Result<UnixListener> {
    let before = umask(Mode::from_bits_truncate(0o177));
    let listener = UnixListener::bind(name);
    umask(before);
    let listener = listener?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// A shim that failed to start leaves its cgroup and takes it along.
fn leave_no_trace(args: &Args) {
    cgroup::leave(std::process::id());
    let socket = args.layout.sandbox(&args.id).socket();
    if fs::metadata(socket.file_name().unwrap_or_default()).is_ok() {
        // Another shim is here, and the cgroups are its own.
        return;
    }
    // What cannot be undone here is found by the daemon under the same names.
    drop(cgroup::remove(&args.layout.shim_cgroup(&args.id)));
    drop(cgroup::remove_if_empty(&args.layout.cgroup(&args.id)));
}
