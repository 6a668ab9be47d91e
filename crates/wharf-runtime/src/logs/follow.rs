//! Following what a container writes, from its log: only what is on disk can be seen, so whoever
//! is too slow loses nothing that the log still has and slows down nobody.

use std::{
    io::{self, SeekFrom},
    os::unix::fs::MetadataExt as _,
    time::Duration,
};

use camino::Utf8PathBuf;
use fs_err::tokio as fs;
use tokio::{
    io::{AsyncReadExt as _, AsyncSeekExt as _},
    time::sleep,
};
use wharf_model::{ContainerName, GroupId};
use wharf_shim::{
    cri::{Entry, Stream},
    table::RunKey,
};

use super::older_part;
use crate::shims::{Found, Shims};

/// How often is looked for more.
const PAUSE: Duration = Duration::from_millis(50);
/// After how many looks in vain the shim is asked whether the run has ended.
const PATIENCE: u32 = 4;
/// How much is read at once, in bytes.
const CHUNK: usize = 64 << 10;
/// Said where more was written than the log keeps before it could be read.
const SKIPPED: &[u8] =
    b"\n[wharf: output was written faster than it was read; some is skipped here]\n";

/// Something that a container wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where to.
    pub stream: Stream,
    /// What, with line ends.
    pub text: Vec<u8>,
}

/// The reading end of a run's log while it is being written.
#[derive(Debug)]
pub struct Follower {
    shims: Shims,
    id: GroupId,
    run: RunKey,
    path: Utf8PathBuf,
    file: fs::File,
    unparsed: Vec<u8>,
    looks: u32,
}

impl Follower {
    /// From the end of what is written now.
    pub(crate) async fn from_now_on(
        shims: Shims,
        id: GroupId,
        run: RunKey,
        path: Utf8PathBuf,
    ) -> io::Result<Self> {
        let mut file = fs::File::open(&path).await?;
        file.seek(SeekFrom::End(0)).await?;
        Ok(Self { shims, id, run, path, file, unparsed: Vec::new(), looks: 0 })
    }

    /// The group whose container is followed.
    pub fn group(&self) -> &GroupId {
        &self.id
    }

    /// The container.
    pub fn container(&self) -> &ContainerName {
        &self.run.name
    }

    /// What comes next, sooner or later; nothing after the run has ended and all is read. May be
    /// given up and called again.
    pub async fn next(&mut self) -> io::Result<Option<Vec<Piece>>> {
        let mut is_over = false;
        loop {
            let mut pieces = self.read().await?;
            if pieces.is_empty() && self.turn_page(&mut pieces).await? {
                pieces.extend(self.read().await?);
            }
            if !pieces.is_empty() {
                self.looks = 0;
                return Ok(Some(pieces));
            }
            if is_over {
                return Ok(None);
            }
            self.looks += 1;
            if self.looks.is_multiple_of(PATIENCE) && self.has_ended().await {
                // What was written before the end was written to the log before it was told.
                is_over = true;
                continue;
            }
            sleep(PAUSE).await;
        }
    }

    async fn read(&mut self) -> io::Result<Vec<Piece>> {
        self.unparsed.reserve(CHUNK);
        // A read that is given up has not moved on.
        if self.file.read_buf(&mut self.unparsed).await? == 0 {
            return Ok(Vec::new());
        }
        Ok(take_pieces(&mut self.unparsed))
    }

    /// Goes on in the log's next part if there is one; everything in this one has been read.
    async fn turn_page(&mut self, pieces: &mut Vec<Piece>) -> io::Result<bool> {
        let number = |file: std::fs::Metadata| (file.dev(), file.ino());
        let here = number(self.file.metadata().await?);
        let next = match fs::File::open(&self.path).await {
            Ok(next) => next,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        if number(next.metadata().await?) == here {
            return Ok(false);
        }
        // Written after the last look and before the change.
        loop {
            self.unparsed.reserve(CHUNK);
            if self.file.read_buf(&mut self.unparsed).await? == 0 {
                break;
            }
            pieces.extend(take_pieces(&mut self.unparsed));
        }
        let before = fs::metadata(older_part(&self.path)).await.ok().map(number);
        if before != Some(here) {
            pieces.push(Piece { stream: Stream::Stderr, text: SKIPPED.to_vec() });
        }
        self.unparsed.clear();
        self.file = next;
        Ok(true)
    }

    async fn has_ended(&self) -> bool {
        match self.shims.state(&self.id).await {
            Ok(Found::Alive(table)) => {
                let known = table.containers.get(&self.run.name);
                let run = known
                    .filter(|known| known.revision == self.run.revision)
                    .and_then(|known| known.runs.iter().find(|run| run.start == self.run.start));
                run.is_none_or(|run| run.exit.is_some())
            }
            Ok(Found::Absent | Found::Dead(_)) => true,
            Err(_) => false,
        }
    }
}

/// The whole entries at the beginning of what was read.
fn take_pieces(unparsed: &mut Vec<u8>) -> Vec<Piece> {
    let Some(end) = unparsed.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
    let entries: Vec<u8> = unparsed.drain(..=end).collect();
    let mut pieces: Vec<Piece> = Vec::new();
    for entry in entries.split(|byte| *byte == b'\n').filter_map(Entry::parse) {
        let line_end: &[u8] = if entry.is_full { b"\n" } else { b"" };
        match pieces.last_mut() {
            Some(last) if last.stream == entry.stream => {
                last.text.extend_from_slice(entry.text);
                last.text.extend_from_slice(line_end);
            }
            _ => pieces.push(Piece { stream: entry.stream, text: [entry.text, line_end].concat() }),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_become_what_was_written() {
        let mut read = b"2026-01-02T03:04:05.000000001Z stdout F one\n\
            2026-01-02T03:04:05.000000002Z stdout P tw\n\
            2026-01-02T03:04:05.000000003Z stderr F bad\n\
            2026-01-02T03:04:05.000000004Z stdout F o\n2026-01-02T03"
            .to_vec();
        let piece = |stream, text: &str| Piece { stream, text: text.into() };
        let expected = [
            piece(Stream::Stdout, "one\ntw"),
            piece(Stream::Stderr, "bad\n"),
            piece(Stream::Stdout, "o\n"),
        ];
        assert_eq!(take_pieces(&mut read), expected);
        assert_eq!(read, b"2026-01-02T03");
    }
}
