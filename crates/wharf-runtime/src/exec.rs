//! Commands beside a container's own process: starting them, their input and output, their end.
//!
//! The ends of pipes, or a socket for a terminal, are given to the shim, which gives them to the
//! command: what flows, flows between this process and the command. The connection to the shim is
//! what holds a command alive: a [`Session`] that is dropped, or a daemon that dies, leaves nothing
//! running.

mod streams;

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
    os::unix::net::UnixStream as StdUnixStream,
    time::Duration,
};

use nix::sys::signal::Signal;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::unix::OwnedWriteHalf,
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;
use wharf_model::{ContainerName, GroupId};
pub use wharf_shim::protocol::TerminalSize;
use wharf_shim::protocol::{Exec, Operation, Reply};

pub use self::streams::{Input, Output};
use crate::shims::{Connection, ShimError, Shims};

/// How long a command may take to be started.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a command's input and output are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streams {
    /// One terminal for all.
    Terminal(TerminalSize),
    /// Pipes.
    Pipes {
        /// Whether there is something to read; otherwise it is the null device.
        has_input: bool,
    },
}

/// A command to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The program and its arguments.
    pub args: Vec<String>,
    /// `NAME=value`, beyond or instead of the container's variables.
    pub env: Vec<String>,
    /// Its input and output.
    pub streams: Streams,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// As a shell would say.
    pub code: i32,
    /// Why it could not be started; then there never was a process.
    pub message: Option<String>,
}

/// A command that could not be run, or whose end is not known.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// There is no such container, or it does not run.
    #[error("container {name} of group {id} is not running")]
    NotRunning {
        /// Which group.
        id: GroupId,
        /// Which container.
        name: ContainerName,
    },
    /// The shim could not be talked to, or refused.
    #[error(transparent)]
    Shim(#[from] ShimError),
    /// Pipes or sockets cannot be made or used.
    #[error("connect input and output of a command in group {id}")]
    Streams {
        /// Which group.
        id: GroupId,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It did not end in time and was killed.
    #[error("command did not end within {} s", after.as_secs_f64())]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
}

/// What a command that was run to its end has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// How it ended.
    pub end: End,
    /// Standard output and error as they came, up to the limit.
    pub output: Vec<u8>,
}

/// A command that was begun. Dropping it kills the command and all that it has started.
#[derive(Debug)]
pub struct Session {
    /// Where it reads from, if it does. Dropping it is the end of a pipe.
    pub input: Option<Input>,
    /// What it writes.
    pub output: Output,
    /// What it writes to standard error, if that is apart.
    pub errors: Option<Output>,
    /// Its terminal, if it has one.
    pub terminal: Option<Terminal>,
    /// The command itself.
    pub process: Process,
}

/// A command's terminal. When this, input and output are dropped, it hangs up.
#[derive(Debug)]
pub struct Terminal(OwnedFd);

impl Terminal {
    /// Sets its size; the command is told by a signal.
    pub fn resize(&self, size: TerminalSize) -> io::Result<()> {
        wharf_shim::resize_terminal(self.0.as_fd(), size)
    }
}

/// The command of a session.
#[derive(Debug)]
pub struct Process {
    id: GroupId,
    signals: OwnedWriteHalf,
    end: AbortOnDropHandle<Result<End, ShimError>>,
}

/// What becomes the command's, and what stays here.
struct Ends {
    given: Vec<OwnedFd>,
    input: Option<Input>,
    output: Option<(Output, Output)>,
    /// Where the terminal will come from.
    socket: Option<StdUnixStream>,
}

impl Shims {
    /// Begins a command in a running container. It may turn out to have ended at once.
    pub async fn exec(
        &self,
        id: &GroupId,
        name: &ContainerName,
        command: Command,
    ) -> Result<Session, ExecError> {
        let failed = |source| ExecError::Streams { id: id.clone(), source };
        let ends = Ends::make(command.streams).map_err(failed)?;
        let Command { args, env, streams } = command;
        let terminal = match streams {
            Streams::Terminal(size) => Some(size),
            Streams::Pipes { .. } => None,
        };
        let exec = Exec { name: name.clone(), args, env, terminal };
        let mut connection = match self.connect(id).await {
            Err(ShimError::Connect { .. }) => {
                return Err(ExecError::NotRunning { id: id.clone(), name: name.clone() });
            }
            connected => connected?,
        };
        let operation = Operation::Exec(Box::new(exec));
        let reply = connection.ask_with(operation, ends.given, PATIENCE).await?;
        let early = match reply {
            Reply::Executing => None,
            Reply::Ended { code, message } => Some(End { code, message }),
            Reply::NotRunning => {
                return Err(ExecError::NotRunning { id: id.clone(), name: name.clone() });
            }
            Reply::State { .. } | Reply::Container(_) | Reply::Done | Reply::Refused { .. } => {
                return Err(ShimError::WrongReply { id: id.clone() }.into());
            }
        };
        let (input, output, errors, terminal) = match (ends.socket, ends.output) {
            (Some(socket), _) => match wharf_shim::receive_terminal(&socket) {
                Ok(master) => {
                    let (input, output) = streams::both_ways(&master).map_err(failed)?;
                    (Some(input), output, None, Some(Terminal(master)))
                }
                // It ended before it had a terminal.
                Err(_) if early.is_some() => {
                    let (nothing, _) = streams::output_pipe().map_err(failed)?;
                    (None, nothing, None, None)
                }
                Err(source) => return Err(failed(source)),
            },
            (None, Some((output, errors))) => (ends.input, output, Some(errors), None),
            (None, None) => return Err(failed(io::ErrorKind::InvalidInput.into())),
        };
        let (signals, end) = watch(id, connection, early);
        let process = Process { id: id.clone(), signals, end };
        Ok(Session { input, output, errors, terminal, process })
    }

    /// Runs a command without input to its end, and kills it if that takes too long. Keeps the
    /// first `keep` bytes of what it writes and lets the rest go.
    pub async fn exec_captured(
        &self,
        id: &GroupId,
        name: &ContainerName,
        args: Vec<String>,
        (keep, limit): (usize, Duration),
    ) -> Result<Captured, ExecError> {
        let streams = Streams::Pipes { has_input: false };
        let command = Command { args, env: Vec::new(), streams };
        let running = async {
            let mut session = self.exec(id, name, command).await?;
            let mut output = Vec::new();
            let end = session.copy_to_end(keep, &mut output).await?;
            Ok(Captured { end, output })
        };
        timeout(limit, running).await.map_err(|_| ExecError::TimedOut { after: limit })?
    }
}

/// Waits for the end in a task of its own, so that whoever waits for it may give up waiting.
fn watch(
    id: &GroupId,
    connection: Connection,
    early: Option<End>,
) -> (OwnedWriteHalf, AbortOnDropHandle<Result<End, ShimError>>) {
    let (mut replies, signals) = connection.into_halves();
    let id = id.clone();
    let waiting = tokio::spawn(async move {
        if let Some(end) = early {
            return Ok(end);
        }
        match replies.next().await? {
            Reply::Ended { code, message } => Ok(End { code, message }),
            Reply::State { .. }
            | Reply::Container(_)
            | Reply::Done
            | Reply::Executing
            | Reply::NotRunning
            | Reply::Refused { .. } => Err(ShimError::WrongReply { id }),
        }
    });
    (signals, AbortOnDropHandle::new(waiting))
}

impl Session {
    /// Reads both streams until the command has ended and all that it wrote is read.
    async fn copy_to_end(&mut self, keep: usize, kept: &mut Vec<u8>) -> Result<End, ExecError> {
        let (mut output, mut errors) = (vec![0; 16 << 10], vec![0; 16 << 10]);
        let (mut output_open, mut errors_open) = (true, self.errors.is_some());
        let end = loop {
            let (count, chunk) = tokio::select! {
                biased;
                count = self.output.read(&mut output), if output_open => {
                    let count = count.unwrap_or(0);
                    output_open = count > 0;
                    (count, &output)
                }
                count = read_some(self.errors.as_mut(), &mut errors), if errors_open => {
                    let count = count.unwrap_or(0);
                    errors_open = count > 0;
                    (count, &errors)
                }
                end = self.process.wait() => break end?,
            };
            let room = keep.saturating_sub(kept.len()).min(count);
            kept.extend_from_slice(&chunk[..room]);
        };
        let rest = [Some(&self.output), self.errors.as_ref()];
        for rest in rest.into_iter().flatten().map(Output::drain) {
            let room = keep.saturating_sub(kept.len()).min(rest.len());
            kept.extend_from_slice(&rest[..room]);
        }
        Ok(end)
    }
}

async fn read_some(
    stream: Option<&mut (impl AsyncRead + Unpin)>,
    buffer: &mut [u8],
) -> io::Result<usize> {
    match stream {
        Some(stream) => stream.read(buffer).await,
        None => Ok(0),
    }
}

impl Process {
    /// Waits for the end; call it again only if it was not heard. All that the command itself has
    /// written can be read without waiting by then: [`Output::drain`].
    pub async fn wait(&mut self) -> Result<End, ExecError> {
        let broken = |error: tokio::task::JoinError| ShimError::Talk {
            id: self.id.clone(),
            source: io::Error::other(error),
        };
        Ok((&mut self.end).await.map_err(broken)??)
    }

    /// Sends a signal to the command and what it has in its process group.
    pub async fn signal(&mut self, signal: Signal) -> Result<(), ExecError> {
        let number = u8::try_from(signal as i32).unwrap_or_default();
        let sent = self.signals.write_all(&[number]).await;
        sent.map_err(|source| ShimError::Talk { id: self.id.clone(), source }.into())
    }
}

impl Ends {
    fn make(streams: Streams) -> io::Result<Self> {
        match streams {
            Streams::Terminal(_) => {
                let (ours, theirs) = StdUnixStream::pair()?;
                ours.set_nonblocking(true)?;
                let given = vec![theirs.into()];
                Ok(Self { given, input: None, output: None, socket: Some(ours) })
            }
            Streams::Pipes { has_input } => {
                let (output, stdout) = streams::output_pipe()?;
                let (errors, stderr) = streams::output_pipe()?;
                let mut given = vec![stdout, stderr];
                let mut input = None;
                if has_input {
                    let (ours, theirs) = streams::input_pipe()?;
                    given.push(theirs);
                    input = Some(ours);
                }
                Ok(Self { given, input, output: Some((output, errors)), socket: None })
            }
        }
    }
}
