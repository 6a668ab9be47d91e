//! What happens in the process that becomes a container's program.

use std::{
    error::Error as _,
    fs::File,
    io::{self, PipeWriter, Write},
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
};

use camino::Utf8PathBuf;
use fs_err as fs;
use nix::{
    errno::Errno,
    sched::{CloneFlags, unshare},
    sys::{
        signal::{SigHandler, SigSet, SigmaskHow, Signal, signal, sigprocmask},
        stat::{Mode, umask},
    },
    unistd::{dup2_stderr, dup2_stdin, dup2_stdout, setsid},
};
use oci_spec::runtime::{Process, Spec};
use wharf_model::clock::{Clock, SystemClock};

use crate::{
    cgroup::CgroupError,
    create::Report,
    execute::{self, ExecuteError, Filters},
    limits,
    protocol::Start,
    rootfs::{self, RootfsError},
    sys,
    userns::{self, UserNamespace},
};

/// A container that could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LaunchError {
    /// The process cannot be made independent of the shim.
    #[error("detach from the shim")]
    Detach(#[source] Errno),
    /// The bundle has no readable `config.json`.
    #[error("read {path}")]
    Config {
        /// Which file.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: oci_spec::OciSpecError,
    },
    /// `config.json` lacks something.
    #[error("config.json has no {0}")]
    Incomplete(&'static str),
    /// Its cgroups cannot be made.
    #[error("enter cgroup")]
    Cgroup(#[source] CgroupError),
    /// There can be no namespace for its cgroups.
    #[error("make cgroup namespace")]
    Namespace(#[source] Errno),
    /// Its user namespace cannot be entered.
    #[error("enter user namespace")]
    User(#[source] Errno),
    /// Its files cannot be put in place.
    #[error(transparent)]
    Rootfs(#[from] RootfsError),
    /// The namespaces of a running container cannot be entered.
    #[error("enter the container")]
    Join(#[source] Errno),
    /// It cannot get a terminal.
    #[error("open a terminal")]
    Terminal(#[source] Errno),
    /// Its standard descriptors cannot be put in place.
    #[error("set up standard input and output")]
    Descriptors(#[source] Errno),
    /// Rights cannot be given up, or the program cannot be executed.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
}

impl LaunchError {
    /// The exit code that a shell would give.
    pub(crate) fn exit_code(&self) -> i32 {
        match self {
            Self::Execute(error) => error.exit_code(),
            Self::Detach(_)
            | Self::Config { .. }
            | Self::Incomplete(_)
            | Self::Cgroup(_)
            | Self::Namespace(_)
            | Self::User(_)
            | Self::Rootfs(_)
            | Self::Join(_)
            | Self::Terminal(_)
            | Self::Descriptors(_) => 128,
        }
    }

    /// One line with all causes, for the user: errors of the kernel in its words only.
    pub(crate) fn to_user(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            match error.downcast_ref::<Errno>() {
                Some(errno) => text.push_str(errno.desc()),
                None => text.push_str(&error.to_string()),
            }
            cause = error.source();
        }
        text
    }
}

/// Becomes the container's program: returns only if that fails. `report` is told when all but the
/// last step is done, and is closed by that step.
pub(crate) fn launch(
    start: &Start,
    report: PipeWriter,
    stdout: OwnedFd,
    stderr: OwnedFd,
) -> (LaunchError, Option<File>) {
    let furnished = furnish(start, &stdout, &stderr);
    drop((stdout, stderr));
    finish(furnished, report)
}

/// What is left to do inside: giving up rights and becoming the program.
pub(crate) fn finish(
    furnished: Result<(Process, Filters), LaunchError>,
    report: PipeWriter,
) -> (LaunchError, Option<File>) {
    let (process, filters) = match furnished {
        Ok(found) => found,
        Err(error) => return (error, Some(File::from(OwnedFd::from(report)))),
    };
    let mut report = match sys::keep_only(report.into()) {
        Ok(report) => File::from(report),
        Err(error) => return (LaunchError::Descriptors(error), None),
    };
    let failure = if let Err(error) = execute::humble(&process, &filters) {
        error
    } else {
        // If the shim is gone nobody needs to know.
        let _unheard = Report::Ready { at: SystemClock.now() }.write_to(&mut report);
        execute::become_program(&process, &filters)
    };
    (failure.into(), Some(report))
}

/// Everything that needs the host: cgroups, mounts, files of the bundle.
fn furnish(
    start: &Start,
    stdout: &OwnedFd,
    stderr: &OwnedFd,
) -> Result<(Process, Filters), LaunchError> {
    detach().map_err(LaunchError::Detach)?;
    let (spec, filters) = read_bundle(start)?;
    let process = spec.process().clone().ok_or(LaunchError::Incomplete("process"))?;
    let linux = spec.linux().as_ref().ok_or(LaunchError::Incomplete("linux"))?;
    let resources = linux.resources().as_ref().ok_or(LaunchError::Incomplete("resources"))?;
    limits::enter(&start.cgroup, resources, start.group.as_ref()).map_err(LaunchError::Cgroup)?;
    prefer_for_oom(&process);
    unshare(CloneFlags::CLONE_NEWCGROUP).map_err(LaunchError::Namespace)?;
    let user = UserNamespace::wanted(&spec).map_err(LaunchError::User)?;
    userns::give_away(&spec, user.as_ref(), &[stdout, stderr]).map_err(LaunchError::Descriptors)?;
    rootfs::enter(start, &spec, user.as_ref())?;
    redirect(stdout, stderr).map_err(LaunchError::Descriptors)?;
    if let Some(user) = user {
        user.enter().map_err(LaunchError::User)?;
    }
    Ok((process, filters))
}

/// When the host runs out of memory, containers go before what runs them. A process may take back
/// only what it was given, so it cannot become safer than the shim.
fn prefer_for_oom(process: &Process) {
    if let Some(score) = process.oom_score_adj() {
        // Lowering takes CAP_SYS_RESOURCE; without it the score is as it was.
        drop(fs::write("/proc/self/oom_score_adj", score.to_string()));
    }
}

/// The specification and the compiled filters.
pub(crate) fn read_bundle(start: &Start) -> Result<(Spec, Filters), LaunchError> {
    let path = start.bundle.join("config.json");
    let spec = Spec::load(&path).map_err(|source| LaunchError::Config { path, source })?;
    Ok((spec, Filters::read(&start.bundle)?))
}

/// Session, keys and signals as a program expects to find them: the signal mask and ignored
/// signals would survive `execve`.
pub(crate) fn detach() -> Result<(), Errno> {
    setsid()?;
    match sys::join_new_keyring() {
        // A kernel without keys has none to hide.
        Ok(()) | Err(Errno::ENOSYS) => {}
        Err(error) => return Err(error),
    }
    umask(Mode::empty());
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
    // Whatever the daemon was started with: a shell cannot catch what its parent ignored.
    for number in Signal::iterator().filter(|s| !matches!(s, Signal::SIGKILL | Signal::SIGSTOP)) {
        #[expect(unsafe_code, reason = "signal dispositions")]
        // SAFETY: the default action has no handler that could be unsound.
        unsafe { signal(number, SigHandler::SigDfl) }?;
    }
    Ok(())
}

/// Inside the new root: the null device is the container's own.
fn redirect(stdout: &OwnedFd, stderr: &OwnedFd) -> Result<(), Errno> {
    let null = File::open("/dev/null").map_err(|error| errno(&error))?;
    take_places(null.as_fd(), stdout.as_fd(), stderr.as_fd())
}

/// Makes these the standard descriptors.
pub(crate) fn take_places(
    stdin: BorrowedFd<'_>,
    stdout: BorrowedFd<'_>,
    stderr: BorrowedFd<'_>,
) -> Result<(), Errno> {
    dup2_stdin(stdin)?;
    dup2_stdout(stdout)?;
    dup2_stderr(stderr)?;
    umask(Mode::from_bits_truncate(0o022));
    Ok(())
}

pub(crate) fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

impl Report {
    pub(crate) fn write_to(&self, pipe: &mut File) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        pipe.write_all(&line)
    }
}
