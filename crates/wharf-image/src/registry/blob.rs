//! A blob as a stream that goes on where it broke off.

use std::{
    io::{self, Read},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::{Buf as _, Bytes};
use reqwest::{Response, StatusCode, header};
use tokio::sync::mpsc;

use super::{
    Conversation, Patience, RegistryError, Source,
    exchange::{self, Ask, Endpoint},
    local::LocalBlob,
};
use crate::store::lock;

/// Pieces that wait to be read: the network goes on while a piece is unpacked.
const AHEAD: usize = 64;
/// After so many bytes a broken connection counts as the first one again.
const PROGRESS: u64 = 1 << 20;

/// Counts bytes of several downloads.
pub(crate) type Counter = Arc<AtomicU64>;

/// The bytes of a blob for somebody who can block; exactly as many as its descriptor says.
#[derive(Debug)]
pub(crate) struct BlobReader {
    bytes: Coming,
    failure: Failure,
}

/// How bytes come.
#[derive(Debug)]
enum Coming {
    Downloaded { pieces: mpsc::Receiver<Result<Bytes, RegistryError>>, current: Bytes },
    Read(LocalBlob),
}

/// Why a download ended early.
pub(crate) type Failure = Arc<Mutex<Option<RegistryError>>>;

impl BlobReader {
    /// Where the reason will be if the download fails.
    pub(crate) fn failure(&self) -> Failure {
        Arc::clone(&self.failure)
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (pieces, current) = match &mut self.bytes {
            Coming::Read(blob) => return blob.read(buffer, &self.failure),
            Coming::Downloaded { pieces, current } => (pieces, current),
        };
        while current.is_empty() {
            match pieces.blocking_recv() {
                None => return Ok(0),
                Some(Ok(piece)) => *current = piece,
                Some(Err(error)) => {
                    *lock(&self.failure) = Some(error);
                    return Err(io::Error::other("the download failed"));
                }
            }
        }
        let count = buffer.len().min(current.len());
        current.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

impl Conversation {
    /// Begins to fetch a blob.
    pub(crate) fn blob(&self, digest: &str, size: u64, counter: Counter) -> BlobReader {
        let bytes = match &self.source {
            Source::Local(local) => Coming::Read(local.blob(digest, size, counter)),
            Source::Remote(endpoints) => {
                let (sender, pieces) = mpsc::channel(AHEAD);
                let (ask, patience) = (Ask::blob(digest), self.patience);
                let download = Download { ask, patience, size, sender, counter };
                tokio::spawn(download.run(Arc::clone(endpoints)));
                Coming::Downloaded { pieces, current: Bytes::new() }
            }
        };
        BlobReader { bytes, failure: Failure::default() }
    }
}

struct Download {
    ask: Ask,
    patience: Patience,
    size: u64,
    sender: mpsc::Sender<Result<Bytes, RegistryError>>,
    counter: Counter,
}

/// Nobody reads any more.
struct Gone;

impl Download {
    async fn run(mut self, endpoints: Arc<[Endpoint]>) {
        let mut last = RegistryError::NoEndpoint;
        for endpoint in endpoints.iter() {
            match self.from(endpoint).await {
                Ok(Ok(()) | Err(Gone)) => return,
                Err(error) => last = error,
            }
        }
        drop(self.sender.send(Err(last)).await);
    }

    /// The rest of the blob from one endpoint, in as many tries as there is patience for.
    async fn from(&mut self, endpoint: &Endpoint) -> Result<Result<(), Gone>, RegistryError> {
        let mut tries = 0;
        loop {
            let before = self.ask.from;
            match self.rest(endpoint).await {
                Err(error) => {
                    if self.ask.from - before > PROGRESS {
                        tries = 0;
                    }
                    tries = exchange::pause(error, tries, self.patience).await?;
                }
                done => return done,
            }
        }
    }

    async fn rest(&mut self, endpoint: &Endpoint) -> Result<Result<(), Gone>, RegistryError> {
        if self.ask.from == self.size {
            return Ok(Ok(()));
        }
        let mut response = endpoint.open(&self.ask).await?;
        let mut skip = self.begins_at(&response)?;
        while let Some(mut piece) = response.chunk().await.map_err(exchange::broken)? {
            let known = skip.min(piece.len() as u64);
            skip -= known;
            piece.advance(usize::try_from(known).unwrap_or(piece.len()));
            if piece.is_empty() {
                continue;
            }
            let count = piece.len() as u64;
            if self.ask.from + count > self.size {
                let found = self.ask.from + count;
                return Err(RegistryError::Length { found, size: self.size });
            }
            if self.sender.send(Ok(piece)).await.is_err() {
                return Ok(Err(Gone));
            }
            self.ask.from += count;
            self.counter.fetch_add(count, Ordering::Relaxed);
        }
        if self.ask.from == self.size {
            return Ok(Ok(()));
        }
        Err(RegistryError::Short { found: self.ask.from, size: self.size })
    }

    /// How many bytes of the answer are known already; a registry need not know ranges.
    fn begins_at(&self, response: &Response) -> Result<u64, RegistryError> {
        let is_part = response.status() == StatusCode::PARTIAL_CONTENT;
        let (from, skip) = if is_part { (self.ask.from, 0) } else { (0, self.ask.from) };
        if is_part {
            let range = response.headers().get(header::CONTENT_RANGE);
            let range = range.and_then(|value| value.to_str().ok()).unwrap_or_default();
            if !range.starts_with(&format!("bytes {from}-")) {
                return Err(RegistryError::Range);
            }
        }
        match response.content_length() {
            Some(length) if from + length != self.size => {
                Err(RegistryError::Length { found: from + length, size: self.size })
            }
            Some(_) | None => Ok(skip),
        }
    }
}
