//! The per-group monitor, the create helper, their protocol and journal.
//!
//! One small single-threaded process per container group. It is the parent of the group's
//! containers, owns their log pipes and exit codes, outlives the daemon and decides nothing.

pub mod cgroup;
pub mod confine;
pub mod cri;
pub mod journal;
pub mod paths;
pub mod protocol;
pub mod table;
pub mod userns;

mod args;
mod boot;
mod create;
mod engine;
mod exec;
mod execute;
mod inside;
mod join;
mod launch;
mod limits;
mod log_writer;
mod rootfs;
mod secrets;
mod server;
mod slot;
mod sys;
mod terminal;

use std::{
    error::Error,
    ffi::OsString,
    io::{self, Write},
    os::{
        fd::{BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    process::ExitCode,
};

use camino::Utf8Path;

/// The program to run shims from, such that no container can write to it.
///
/// For a moment each container's first process runs the shim's program, and an image can be made so
/// that it keeps hold of it by `/proc/self/exe` (CVE-2019-5736). What it gets then lies on a
/// read-only mount that is in no namespace. Execute it as `/proc/self/fd/<n>`.
pub fn seal_program(path: &Utf8Path) -> io::Result<OwnedFd> {
    Ok(sys::seal(path.as_str())?)
}

/// The master side of a terminal that was sent through the other end of a socket, which must have
/// happened already.
pub fn receive_terminal(socket: &UnixStream) -> io::Result<OwnedFd> {
    terminal::receive(socket)
}

/// Sets the size of the terminal whose master side this is.
pub fn resize_terminal(master: BorrowedFd<'_>, size: protocol::TerminalSize) -> io::Result<()> {
    Ok(sys::resize(master, size.rows, size.cols)?)
}

/// The body of `wharf shim`; `args` are what follows that word.
///
/// Must be called before anything has started a thread. Standard input must be the group's network
/// namespace and standard output a pipe: once the shim listens `ready` is written to it, or else
/// why it does not. The current directory must be `R/groups/<id>`.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

/// The body of `wharf confine`; `args` are what follows that word.
pub fn confine(args: impl Iterator<Item = OsString>) -> ExitCode {
    if let Err(error) = confine::run(args) {
        complain(error.as_ref());
    }
    ExitCode::FAILURE
}

fn run(args: impl Iterator<Item = OsString>) -> Result<(), Box<dyn Error>> {
    let given = boot::take_descriptors()?;
    let args = match args::parse(args) {
        Ok(args) => args,
        Err(error) => {
            given.tell_starter(&chain(&error));
            return Err(error.into());
        }
    };
    let is_shim = match boot::detach(&args) {
        Ok(is_shim) => is_shim,
        Err(error) => {
            given.tell_starter(&chain(&error));
            return Err(error.into());
        }
    };
    if is_shim {
        let shim = boot::boot(&args, given)?;
        server::Server::new(shim).run()?;
    }
    Ok(())
}

/// An error with all its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Into the shim's own log, unless its disk is full.
fn complain(error: &dyn Error) {
    let _lost = writeln!(io::stderr(), "{}", chain(error));
}
