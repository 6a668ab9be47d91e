//! The last step inside a container: becoming its program.
//!
//! The OCI library would do it too, but tells of a failure in prose only. Here the reason goes
//! through a pipe that the kernel closes when the program is there: silence means success.

use std::{
    env,
    ffi::CString,
    os::{
        fd::{BorrowedFd, RawFd},
        unix::ffi::OsStringExt,
    },
};

use libcontainer::workload::{Executor, ExecutorError, ExecutorValidationError};
use nix::{
    errno::Errno,
    unistd::{execve, write},
};
use oci_spec::runtime::Spec;
use serde::{Deserialize, Serialize};

/// A program that cannot be executed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("cannot execute \"{program}\": {}", Errno::from_raw(*errno).desc())]
pub(crate) struct ExecuteError {
    program: String,
    errno: i32,
}

impl ExecuteError {
    /// 127: there is no such program; 126: it cannot be executed.
    pub(crate) fn exit_code(&self) -> i32 {
        match Errno::from_raw(self.errno) {
            Errno::ENOENT | Errno::ENOTDIR => 127,
            _ => 126,
        }
    }

    /// What was written to the pipe; `None` if nothing was.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

/// Executes what the specification says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Execute {
    report: RawFd,
}

impl Execute {
    /// Failures go to this descriptor, which must be closed on execution.
    pub(crate) fn reporting_to(report: RawFd) -> Self {
        Self { report }
    }
}

impl Executor for Execute {
    fn exec(&self, spec: &Spec) -> Result<(), ExecutorError> {
        let args = spec.process().as_ref().and_then(|p| p.args().clone()).unwrap_or_default();
        let program = args.first().cloned().unwrap_or_default();
        let errno = become_program(&program, &args);
        let error = ExecuteError { program, errno: errno as i32 };
        if let Ok(bytes) = serde_json::to_vec(&error) {
            #[expect(unsafe_code, reason = "the library copies executors, so they hold a number")]
            // SAFETY: the library closes no descriptors before execution.
            let report = unsafe { BorrowedFd::borrow_raw(self.report) };
            // If nobody listens nobody needs to know.
            let _unheard = write(report, &bytes);
        }
        Err(ExecutorError::Other(error.to_string()))
    }

    fn validate(&self, _: &Spec) -> Result<(), ExecutorValidationError> {
        // Execution itself is the only check that cannot be wrong.
        Ok(())
    }
}

/// Returns only if it fails. Searches `PATH` like a shell, but never tries a shell itself.
fn become_program(program: &str, args: &[String]) -> Errno {
    let c_string = |text: Vec<u8>| CString::new(text).map_err(|_| Errno::EINVAL);
    let args: Result<Vec<CString>, Errno> =
        args.iter().map(|arg| c_string(arg.clone().into_bytes())).collect();
    let variables: Result<Vec<CString>, Errno> = env::vars_os()
        .map(|(name, value)| c_string([name.into_vec(), value.into_vec()].join(&b'=')))
        .collect();
    let (args, variables) = match (args, variables) {
        (Ok(args), Ok(variables)) => (args, variables),
        (Err(error), _) | (_, Err(error)) => return error,
    };
    let try_path = |path: String| match c_string(path.into_bytes()) {
        Ok(path) => {
            execve(&path, &args, &variables).map_or_else(|error| error, |never| match never {})
        }
        Err(error) => error,
    };
    if program.is_empty() {
        return Errno::ENOENT;
    }
    if program.contains('/') {
        return try_path(program.to_owned());
    }
    let mut worst = Errno::ENOENT;
    for directory in env::var("PATH").unwrap_or_default().split(':') {
        let directory = if directory.is_empty() { "." } else { directory };
        match try_path(format!("{directory}/{program}")) {
            Errno::ENOENT | Errno::ENOTDIR => {}
            Errno::EACCES => worst = Errno::EACCES,
            error => return error,
        }
    }
    worst
}
