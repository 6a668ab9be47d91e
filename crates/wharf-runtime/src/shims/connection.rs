//! One conversation with one shim.

use std::{
    io::{self, IoSlice},
    os::fd::{AsRawFd, OwnedFd, RawFd},
    time::Duration,
};

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, Interest},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::timeout,
};
use wharf_model::GroupId;
use wharf_shim::{
    paths::Sandbox,
    protocol::{self, Operation, Reply, Request},
};

use super::ShimError;

/// The longest path that fits a socket address, in bytes.
const ADDRESS_LIMIT: usize = 107;

/// A connection to a shim's socket.
#[derive(Debug)]
pub(crate) struct Connection {
    id: GroupId,
    stream: UnixStream,
}

impl Connection {
    pub(super) async fn open(id: &GroupId, sandbox: Sandbox) -> Result<Self, ShimError> {
        let failed = |source| ShimError::Connect { id: id.clone(), source };
        let path = sandbox.socket();
        let stream = if path.as_str().len() <= ADDRESS_LIMIT {
            UnixStream::connect(&path).await
        } else {
            connect_by_directory(&sandbox).await
        };
        Ok(Self { id: id.clone(), stream: stream.map_err(failed)? })
    }

    /// Sends a request and waits for the answer; a refusal is an error.
    pub(super) async fn ask(
        &mut self,
        operation: Operation,
        patience: Duration,
    ) -> Result<Reply, ShimError> {
        let asking = self.exchange(operation);
        match timeout(patience, asking).await {
            Ok(Ok(Reply::Refused { reason })) => {
                Err(ShimError::Refused { id: self.id.clone(), reason })
            }
            Ok(result) => result,
            Err(_) => Err(ShimError::TimedOut { id: self.id.clone(), after: patience }),
        }
    }

    async fn exchange(&mut self, operation: Operation) -> Result<Reply, ShimError> {
        let request = encode(&self.id, operation)?;
        self.stream.write_all(&request).await.map_err(|source| self.talk(source))?;
        read_reply(&self.id, &mut self.stream).await
    }

    /// As [`Connection::ask`], with descriptors that go to the shim and are closed here.
    pub(crate) async fn ask_with(
        &mut self,
        operation: Operation,
        descriptors: Vec<OwnedFd>,
        patience: Duration,
    ) -> Result<Reply, ShimError> {
        let asking = async {
            let request = encode(&self.id, operation)?;
            let sent = self.send_with(&request, &descriptors).await;
            let sent = sent.map_err(|source| self.talk(source))?;
            drop(descriptors);
            self.stream.write_all(&request[sent..]).await.map_err(|source| self.talk(source))?;
            read_reply(&self.id, &mut self.stream).await
        };
        match timeout(patience, asking).await {
            Ok(Ok(Reply::Refused { reason })) => {
                Err(ShimError::Refused { id: self.id.clone(), reason })
            }
            Ok(result) => result,
            Err(_) => Err(ShimError::TimedOut { id: self.id.clone(), after: patience }),
        }
    }

    /// How much of the request went along with them.
    async fn send_with(&self, request: &[u8], descriptors: &[OwnedFd]) -> io::Result<usize> {
        let fds: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
        let send = || {
            let rights = [ControlMessage::ScmRights(&fds)];
            let bytes = [IoSlice::new(request)];
            let flags = MsgFlags::MSG_NOSIGNAL;
            Ok(sendmsg::<()>(self.stream.as_raw_fd(), &bytes, &rights, flags, None)?)
        };
        self.stream.async_io(Interest::WRITABLE, send).await
    }

    fn talk(&self, source: io::Error) -> ShimError {
        ShimError::Talk { id: self.id.clone(), source }
    }

    /// For a conversation that is no longer one of question and answer.
    pub(crate) fn into_halves(self) -> (Replies, OwnedWriteHalf) {
        let (reader, writer) = self.stream.into_split();
        (Replies { id: self.id, reader }, writer)
    }

    pub(super) fn stream(&mut self) -> &mut UnixStream {
        &mut self.stream
    }
}

/// What a shim says.
#[derive(Debug)]
pub(crate) struct Replies {
    id: GroupId,
    reader: OwnedReadHalf,
}

impl Replies {
    /// The next reply.
    pub(crate) async fn next(&mut self) -> Result<Reply, ShimError> {
        read_reply(&self.id, &mut self.reader).await
    }
}

fn encode(id: &GroupId, operation: Operation) -> Result<Vec<u8>, ShimError> {
    let request = Request { version: operation.version(), operation };
    protocol::encode(&request).map_err(|source| ShimError::Frame { id: id.clone(), source })
}

async fn read_reply(
    id: &GroupId,
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Reply, ShimError> {
    let talk = |source| ShimError::Talk { id: id.clone(), source };
    let frame = |source| ShimError::Frame { id: id.clone(), source };
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix).await.map_err(talk)?;
    let mut content = vec![0; protocol::content_length(prefix).map_err(frame)?];
    stream.read_exact(&mut content).await.map_err(talk)?;
    protocol::decode(&content).map_err(frame)
}

/// A way around the limit on the length of socket addresses.
async fn connect_by_directory(sandbox: &Sandbox) -> io::Result<UnixStream> {
    let directory = fs_err::File::open(sandbox.dir())?;
    let name = sandbox.socket();
    let name = name.file_name().unwrap_or_default();
    UnixStream::connect(format!("/proc/self/fd/{}/{name}", directory.as_raw_fd())).await
}
