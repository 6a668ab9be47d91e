//! One conversation with one shim.

use std::{io, os::fd::AsRawFd, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::timeout,
};
use wharf_model::GroupId;
use wharf_shim::{
    paths::Sandbox,
    protocol::{self, Operation, Reply, Request, VERSION},
};

use super::ShimError;

/// The longest path that fits a socket address, in bytes.
const ADDRESS_LIMIT: usize = 107;

/// A connection to a shim's socket.
#[derive(Debug)]
pub(super) struct Connection {
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
        let id = self.id.clone();
        let talk = |source| ShimError::Talk { id: id.clone(), source };
        let frame = |source| ShimError::Frame { id: id.clone(), source };
        let request = protocol::encode(&Request { version: VERSION, operation }).map_err(frame)?;
        self.stream.write_all(&request).await.map_err(talk)?;
        let mut prefix = [0; 4];
        self.stream.read_exact(&mut prefix).await.map_err(talk)?;
        let mut content = vec![0; protocol::content_length(prefix).map_err(frame)?];
        self.stream.read_exact(&mut content).await.map_err(talk)?;
        protocol::decode(&content).map_err(frame)
    }

    pub(super) fn stream(&mut self) -> &mut UnixStream {
        &mut self.stream
    }
}

/// A way around the limit on the length of socket addresses.
async fn connect_by_directory(sandbox: &Sandbox) -> io::Result<UnixStream> {
    let directory = fs_err::File::open(sandbox.dir())?;
    let name = sandbox.socket();
    let name = name.file_name().unwrap_or_default();
    UnixStream::connect(format!("/proc/self/fd/{}/{name}", directory.as_raw_fd())).await
}
