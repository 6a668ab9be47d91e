//! What daemon and shim say to each other on `R/groups/<id>/shim.sock`.
//!
//! A stream of frames: four bytes of length, big endian, then that much JSON. The client sends
//! [`Request`]s, the shim answers each with one [`Reply`], in order. After [`Operation::Subscribe`]
//! has been answered the shim writes single zero bytes instead, one per start or exit: hints
//! without content that may be merged.
//!
//! [`Operation::Exec`] comes with descriptors (`SCM_RIGHTS`) and turns the connection into that
//! command's own: it lives as long as the connection does. The answer is [`Reply::Executing`], after
//! which the client may write single bytes, each a signal to send; when the command has ended the
//! shim writes [`Reply::Ended`]. A client that closes the connection before that, by its death for
//! example, has everything killed that the command has started.
//!
//! Shims outlive daemons, so a newer daemon must speak the version of an older shim: a request
//! names the version it is written in, and a shim refuses one that is newer than its own.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use wharf_model::{ContainerName, spec::SecretFile};

use crate::table::{Container, RunKey, Table};

/// The version this build speaks.
pub const VERSION: u32 = 2;

/// The longest frame that is believed, in bytes.
pub const FRAME_LIMIT: usize = 4 << 20;

/// What the source of a mount in `config.json` begins with when it is one of [`Start::secrets`];
/// the volume's name follows.
pub const SECRET_SOURCE: &str = "secret:";

/// A request with the version it is written in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// [`VERSION`] of the sender.
    pub version: u32,
    /// What is wanted.
    pub operation: Operation,
}

/// What can be asked of a shim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// All containers. Answer: [`Reply::State`].
    State,
    /// Creates and starts a container, unless this start has been seen. Answer:
    /// [`Reply::Container`], also when the start failed: that is a run with an exit.
    Start(Box<Start>),
    /// Signals a container's first process; nothing if it does not run. Answer:
    /// [`Reply::Container`].
    Signal {
        /// Which container.
        name: ContainerName,
        /// Which signal.
        signal: Signal,
    },
    /// Forgets an ended container. Answer: [`Reply::Done`].
    Remove {
        /// Which container.
        name: ContainerName,
    },
    /// Kills everything, waits for it, answers [`Reply::Done`] and exits.
    Shutdown,
    /// Turns the connection into a stream of hints. Answer: [`Reply::Done`].
    Subscribe,
    /// Runs a command in a running container. Answer: [`Reply::Executing`] and later
    /// [`Reply::Ended`], at once if it cannot be started; or [`Reply::NotRunning`].
    Exec(Box<Exec>),
}

impl Operation {
    /// The version that brought it: older shims are asked in their own version for what they can.
    pub fn version(&self) -> u32 {
        match self {
            Self::State
            | Self::Start(_)
            | Self::Signal { .. }
            | Self::Remove { .. }
            | Self::Shutdown
            | Self::Subscribe => 1,
            Self::Exec(_) => 2,
        }
    }
}

/// A command to be run in a container, with the rights and the environment of the container's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    /// Which container.
    pub name: ContainerName,
    /// The program and its arguments.
    pub args: Vec<String>,
    /// `NAME=value`, beyond or instead of the container's.
    pub env: Vec<String>,
    /// With a terminal one descriptor comes with the request: a socket that the terminal's master
    /// side is sent to. Without, three or two: standard output, standard error, and standard input
    /// if it is not to be the null device.
    pub terminal: Option<TerminalSize>,
}

/// Rows and columns; zero where it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Lines.
    pub rows: u16,
    /// Characters a line.
    pub cols: u16,
}

/// Everything that is needed to start a container once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Which start of which container.
    #[serde(flatten)]
    pub key: RunKey,
    /// The bundle: a directory with `config.json` (OCI), `seccomp.bpf` (the compiled filter) and
    /// an empty `rootfs`.
    pub bundle: Utf8PathBuf,
    /// The log file; its directory exists.
    pub log: Utf8PathBuf,
    /// The container's cgroup.
    pub cgroup: String,
    /// What is mounted on `rootfs`.
    pub rootfs: Rootfs,
    /// The group's own cgroup, above that of the container, and what all of it may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupLimits>,
    /// Why it cannot be started, found out before asking: it becomes a run that failed to start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impossible: Option<String>,
    /// The files of the secret volumes that it mounts, by name of the volume. Not in the bundle,
    /// since that is on a disk.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, Vec<SecretFile>>,
}

/// What all containers of a group may use together: one that has a limit above its request takes
/// from the others of its group, never from another group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupLimits {
    /// The group's cgroup.
    pub cgroup: String,
    /// Thousandths of a CPU.
    pub cpu_millis: u32,
    /// Bytes.
    pub memory_bytes: u64,
}

/// An overlay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rootfs {
    /// Read-only layers, uppermost first.
    pub lower: Vec<Utf8PathBuf>,
    /// The writable layer.
    pub upper: Utf8PathBuf,
    /// The kernel's scratch directory, in the same directory as `upper`.
    pub work: Utf8PathBuf,
}

/// A signal that ends a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Signal {
    /// SIGTERM.
    Term,
    /// SIGKILL: takes the whole PID namespace.
    Kill,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// All containers.
    State {
        /// [`VERSION`] of the shim.
        version: u32,
        /// By name.
        table: Table,
    },
    /// One container as it is now.
    Container(Container),
    /// It is done.
    Done,
    /// The command runs.
    Executing,
    /// The command has ended or could not be started.
    Ended {
        /// As a shell would say: 128 and the signal's number, 126 or 127 for no such program.
        code: i32,
        /// Why it could not be started.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// There is no such container that runs.
    NotRunning,
    /// It cannot be done; nothing has changed.
    Refused {
        /// Why.
        reason: String,
    },
}

/// A frame that cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The sender is not speaking this protocol.
    #[error("frame of {length} bytes is longer than {FRAME_LIMIT}")]
    TooLong {
        /// The length it claims.
        length: usize,
    },
    /// The content is not what was expected.
    #[error("frame is not valid JSON of this protocol")]
    Content(#[source] serde_json::Error),
}

/// The frame of one message.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, message).map_err(FrameError::Content)?;
    let length = frame.len() - 4;
    let prefix = u32::try_from(length).map_err(|_| FrameError::TooLong { length })?;
    frame[..4].copy_from_slice(&prefix.to_be_bytes());
    Ok(frame)
}

/// The length of the content that follows these four bytes.
pub fn content_length(prefix: [u8; 4]) -> Result<usize, FrameError> {
    let length = u32::from_be_bytes(prefix) as usize;
    if length > FRAME_LIMIT {
        return Err(FrameError::TooLong { length });
    }
    Ok(length)
}

/// A message from the content of its frame.
pub fn decode<T: DeserializeOwned>(content: &[u8]) -> Result<T, FrameError> {
    serde_json::from_slice(content).map_err(FrameError::Content)
}

/// Takes the first message off the buffer if it is complete.
pub fn take<T: DeserializeOwned>(buffer: &mut Vec<u8>) -> Result<Option<T>, FrameError> {
    let Some(prefix) = buffer.first_chunk::<4>() else { return Ok(None) };
    let end = 4 + content_length(*prefix)?;
    let Some(content) = buffer.get(4..end) else { return Ok(None) };
    let message = decode(content)?;
    buffer.drain(..end);
    Ok(Some(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_being_cut_anywhere() {
        let first = Request { version: VERSION, operation: Operation::State };
        let name = ContainerName::parse("web").unwrap();
        let second = Request {
            version: VERSION,
            operation: Operation::Signal { name, signal: Signal::Term },
        };
        let bytes = [encode(&first).unwrap(), encode(&second).unwrap()].concat();
        for cut in 0..bytes.len() {
            let mut buffer = bytes[..cut].to_vec();
            let mut seen: Vec<Request> = Vec::new();
            while let Some(request) = take(&mut buffer).unwrap() {
                seen.push(request);
            }
            buffer.extend_from_slice(&bytes[cut..]);
            while let Some(request) = take(&mut buffer).unwrap() {
                seen.push(request);
            }
            assert_eq!(seen, [first.clone(), second.clone()], "cut at {cut}");
            assert!(buffer.is_empty());
        }
    }

    #[test]
    fn an_absurd_length_is_refused_before_anything_is_stored() {
        let mut buffer = vec![0xff, 0xff, 0xff, 0xff];
        assert!(matches!(take::<Request>(&mut buffer), Err(FrameError::TooLong { .. })));
    }

    #[test]
    fn the_wire_form_is_stable() {
        let start = Start {
            key: RunKey {
                name: ContainerName::parse("web").unwrap(),
                revision: wharf_model::Generation(3),
                start: 2,
            },
            bundle: "/b".into(),
            log: "/l".into(),
            cgroup: "/c".into(),
            rootfs: Rootfs { lower: vec!["/1".into()], upper: "/u".into(), work: "/w".into() },
            group: None,
            impossible: None,
            secrets: BTreeMap::new(),
        };
        let request = Request { version: 1, operation: Operation::Start(Box::new(start)) };
        assert_eq!(
            serde_json::to_string(&request).unwrap(),
            r#"{"version":1,"operation":{"start":{"name":"web","revision":3,"start":2,"bundle":"/b","log":"/l","cgroup":"/c","rootfs":{"lower":["/1"],"upper":"/u","work":"/w"}}}}"#
        );
    }
}
