//! One container under way: from the moment its first process is forked until it has ended.

use std::{
    fs::File,
    io::{self, Read},
    os::fd::{AsFd, BorrowedFd},
};

use jiff::Timestamp;
use nix::unistd::Pid;

use crate::{
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
    /// Its first process prepares itself, or has failed to and is about to end.
    Starting,
    /// Its first process has become its program.
    Running,
}

/// One container under way.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) start: Start,
    pub(crate) stage: Stage,
    /// Its first process: our child, so the number is its until we have waited for it.
    pub(crate) pid: Pid,
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
            pid: attempt.pid,
            waiting: vec![client],
            report: Some(attempt.report),
            said: Vec::new(),
            stdout: Some(attempt.stdout),
            stderr: Some(attempt.stderr),
            log,
        }
    }

    /// Where reports come from, until there will be no other.
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

    /// The last report once there will be no other, unless it was taken before.
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
    pub(crate) fn failure(&self, code: i32) -> (i32, String) {
        match read_report(&self.said) {
            Some(Report::Failed { code, message }) => (code, message),
            Some(Report::Ready { .. }) | None => {
                (128, format!("ended with code {code} while being started"))
            }
        }
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

    /// Whether something is to be written soon that is not a whole line.
    pub(crate) fn has_begun_line(&self) -> bool {
        self.log.has_begun()
    }

    /// Writes it if it is time.
    pub(crate) fn write_begun_line(&mut self, now: Timestamp) {
        self.log.write_begun(now);
    }

    /// Takes what is left in the pipes; does not wait for whoever may still hold them.
    pub(crate) fn drain(&mut self, now: Timestamp) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            while self.copy_output(stream, now) {}
            self.log.finish(stream, now);
        }
    }
}
