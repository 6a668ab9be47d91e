//! Making a container in a process of its own.
//!
//! The OCI library changes namespaces, cgroups and limits of the process it runs in and clones
//! from it, so it must not run in the shim. It also must not run beside other threads. The usual
//! cure is to execute a helper program; but the shim has exactly one thread, so a forked child may
//! go on with full use of memory and library, and a fork of so small a process costs a fraction of
//! what loading the whole program again does. The child never returns from here.
//!
//! It joins nothing: network, IPC and UTS namespaces are the shim's. It makes a mount namespace of
//! its own first, so that the overlay is mounted where no one else sees it and goes when the
//! container goes.

use std::{
    fs::File,
    io::{self, PipeReader, PipeWriter, Read, Write},
    os::fd::OwnedFd,
    panic::{AssertUnwindSafe, catch_unwind},
};

use jiff::Timestamp;
use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, signal, sigprocmask},
    unistd::{ForkResult, Pid, fork},
};
use serde::{Deserialize, Serialize};

use crate::{launch, protocol::Start};

/// What became of a start, as the child tells it: one JSON document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The container's program runs.
    Started {
        /// Its first process, as the host sees it.
        pid: u32,
        /// When it was let go.
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
    /// The child that makes the container.
    pub(crate) helper: Pid,
    /// Where its [`Report`] comes from.
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
    #[expect(unsafe_code, reason = "fork")]
    // SAFETY: the shim has one thread, so the child may do whatever the parent may.
    let forked = unsafe { fork() }?;
    match forked {
        ForkResult::Parent { child } => Ok(Attempt { helper: child, report, stdout, stderr }),
        ForkResult::Child => {
            drop((report, stdout, stderr));
            child(start, report_writer, stdout_writer, stderr_writer)
        }
    }
}

/// A pipe whose reader never waits; its writer does.
fn pipe_without_waiting() -> io::Result<(File, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok((File::from(OwnedFd::from(reader)), writer))
}

/// Reads a report, once its pipe is at its end.
pub(crate) fn read_report(bytes: &[u8]) -> Option<Report> {
    serde_json::from_slice(bytes).ok()
}

fn child(start: &Start, mut report: PipeWriter, stdout: PipeWriter, stderr: PipeWriter) -> ! {
    let made = catch_unwind(AssertUnwindSafe(|| {
        restore_signals()?;
        launch::launch(start, stdout.into(), stderr.into())
    }));
    let outcome = match made {
        Ok(Ok((pid, at))) => Report::Started { pid, at },
        Ok(Err(error)) => Report::Failed { code: error.exit_code(), message: error.to_user() },
        Err(_) => Report::Failed { code: 128, message: "internal error".to_owned() },
    };
    // If the shim is gone nobody needs to know.
    let _unheard = serde_json::to_writer(&mut report, &outcome);
    let _unheard = report.flush();
    #[expect(unsafe_code, reason = "leave without running what the shim has registered")]
    // SAFETY: ends the process.
    unsafe {
        libc::_exit(0)
    }
}

/// Signals as a program expects to find them: the mask and the ignored ones survive `execve`.
fn restore_signals() -> Result<(), launch::LaunchError> {
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)
        .map_err(launch::LaunchError::Signals)?;
    #[expect(unsafe_code, reason = "signal dispositions")]
    // SAFETY: the default action has no handler that could be unsound.
    unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) }.map_err(launch::LaunchError::Signals)?;
    Ok(())
}

/// Everything up to the end of a pipe.
pub(crate) fn read_to_end(mut pipe: PipeReader) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes)?;
    Ok(bytes)
}
