//! Making a container: one fork.
//!
//! Runtimes usually execute a helper program for this, because threads make it unsafe to do much
//! after a fork. The shim has exactly one thread, so its child may go on with full use of memory
//! and libraries, becomes the first process of the container's PID namespace at birth, prepares
//! everything from the inside ([`crate::launch`]) and finally becomes the container's program. So
//! there is no helper to load, no process in between and nothing to synchronise with. The child
//! never returns from here.
//!
//! It is born into its unified cgroup: moving a process between cgroups waits for all processors
//! (10 to 20 ms), being born into one does not.

use std::{
    fs::File,
    io::{self, PipeWriter},
    os::fd::{AsFd, OwnedFd},
    panic::{AssertUnwindSafe, catch_unwind},
};

use jiff::Timestamp;
use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};

use crate::{
    cgroup,
    launch::{self, LaunchError},
    protocol::Start,
    sys,
};

/// What became of a start, as the child tells it: one JSON document a line. Silence after
/// `Ready` means success: the kernel closes the pipe when the program is executed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Report {
    /// Only the program is missing.
    Ready {
        /// When.
        at: Timestamp,
    },
    /// There is no container.
    Failed {
        /// 126, 127 or 128, as a shell would say.
        code: i32,
        /// For the user.
        message: String,
    },
}

/// A start under way.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// The child that becomes the container's first process.
    pub(crate) pid: Pid,
    /// Where its [`Report`]s come from.
    pub(crate) report: File,
    /// Where the container's output comes from.
    pub(crate) stdout: File,
    /// Where the container's error output comes from.
    pub(crate) stderr: File,
}

/// Begins to make a container; does not wait.
pub(crate) fn begin(start: &Start) -> io::Result<Attempt> {
    let (report, report_writer) = pipe_without_waiting()?;
    let (stdout, stdout_writer) = pipe_without_waiting()?;
    let (stderr, stderr_writer) = pipe_without_waiting()?;
    let cgroup = cgroup::make_unified(&start.cgroup).map_err(io::Error::other)?;
    let flags = libc::CLONE_NEWPID | libc::CLONE_NEWNS;
    match sys::fork_into(flags, cgroup.as_ref().map(AsFd::as_fd))? {
        Some(pid) => Ok(Attempt { pid, report, stdout, stderr }),
        None => child(start, report_writer, stdout_writer.into(), stderr_writer.into()),
    }
}

/// A pipe whose reader never waits; its writer does.
pub(crate) fn pipe_without_waiting() -> io::Result<(File, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok((File::from(OwnedFd::from(reader)), writer))
}

/// The last report of those in a pipe that is at its end.
pub(crate) fn read_report(bytes: &[u8]) -> Option<Report> {
    let last = bytes.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty())?;
    serde_json::from_slice(last).ok()
}

fn child(start: &Start, report: PipeWriter, stdout: OwnedFd, stderr: OwnedFd) -> ! {
    let made = catch_unwind(AssertUnwindSafe(|| launch::launch(start, report, stdout, stderr)));
    end_with(made.ok())
}

/// Says why the process has not become a program, and ends it.
pub(crate) fn end_with(failure: Option<(LaunchError, Option<File>)>) -> ! {
    if let Some((error, Some(mut report))) = failure {
        let failed = Report::Failed { code: error.exit_code(), message: error.to_user() };
        // If the shim is gone nobody needs to know.
        let _unheard = failed.write_to(&mut report);
    }
    sys::end(128)
}
