//! One container under way: from the moment its maker is forked until it has ended.

use std::{
    fs::File,
    io::{self, Read},
    os::fd::{AsFd, BorrowedFd},
};

use jiff::Timestamp;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    cgroup,
    create::{Attempt, Report, read_report},
    cri::Stream,
    engine::ClientId,
    log_writer::LogWriter,
    protocol::Start,
};

/// How much is taken from a container's pipe before others get their turn, in bytes.
const CHUNK: usize = 16 << 10;

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its maker is at work, or has failed and is about to end.
    Starting,
    /// This is its first process.
    Running(Pid),
}

/// One container under way.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) start: Start,
    pub(crate) stage: Stage,
    pub(crate) helper: Pid,
    /// Clients that want to know when it has started.
    pub(crate) waiting: Vec<ClientId>,
    report: Option<File>,
    said: Vec<u8>,
    stdout: Option<File>,
    stderr: Option<File>,
    log: LogWriter,
}

impl Slot {
    pub(crate) fn new(start: Start, attempt: Attempt, log: LogWriter, client: ClientId) -> Self {
        Self {
            start,
            stage: Stage::Starting,
            helper: attempt.helper,
            waiting: vec![client],
            report: Some(attempt.report),
            said: Vec::new(),
            stdout: Some(attempt.stdout),
            stderr: Some(attempt.stderr),
            log,
        }
    }

    /// Where the maker's report comes from, until it is complete.
    pub(crate) fn report_fd(&self) -> Option<BorrowedFd<'_>> {
        self.report.as_ref().map(AsFd::as_fd)
    }

    /// Where the container's output comes from, until it is closed.
    pub(crate) fn output_fd(&self, stream: Stream) -> Option<BorrowedFd<'_>> {
        match stream {
            Stream::Stdout => self.stdout.as_ref().map(AsFd::as_fd),
            Stream::Stderr => self.stderr.as_ref().map(AsFd::as_fd),
        }
    }

    /// The maker's report once it is complete, unless it was taken before.
    pub(crate) fn read_report(&mut self) -> Option<Report> {
        let mut pipe = self.report.as_ref()?;
        match pipe.read_to_end(&mut self.said) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Ok(_) | Err(_) => {
                self.report = None;
                read_report(&self.said)
            }
        }
    }

    /// Why there is no container.
    pub(crate) fn failure(&self) -> (i32, String) {
        match read_report(&self.said) {
            Some(Report::Failed { code, message }) => (code, message),
            Some(Report::Started { .. }) | None => {
                (128, "interrupted while being started".to_owned())
            }
        }
    }

    /// Ends a start that is under way.
    pub(crate) fn abort(&self) {
        // It is our child: until we have waited for it, the number is its.
        let _gone = kill(self.helper, Signal::SIGKILL);
        cgroup::kill(&self.start.cgroup);
    }

    /// Copies what there is, up to a limit; whether there may be more.
    pub(crate) fn copy_output(&mut self, stream: Stream, now: Timestamp) -> bool {
        let place = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        let Some(mut pipe) = place.as_ref() else { return false };
        let mut buffer = [0; CHUNK];
        match pipe.read(&mut buffer) {
            Ok(0) => {
                *place = None;
                self.log.finish(stream, now);
                false
            }
            Ok(count) => {
                self.log.feed(stream, &buffer[..count], now);
                true
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => true,
            Err(_) => false,
        }
    }

    /// Takes what is left in the pipes; does not wait for whoever may still hold them.
    pub(crate) fn drain(&mut self, now: Timestamp) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            while self.copy_output(stream, now) {}
            self.log.finish(stream, now);
        }
    }
}
