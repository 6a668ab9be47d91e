//! One run's log file: what a container writes, line by line with time and stream.
//!
//! Never fails and never waits: what cannot be written is dropped and counted, and the log says so
//! once there is room again.

use std::{fs::File, io::Write, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use crate::cri::{PART_LIMIT, PIECE_LIMIT, Stream, write_entry};

/// Entries are handed to the kernel in portions of about this size, in bytes, so that a container
/// that writes nothing but line ends does not make the shim grow.
const PORTION: usize = 32 << 10;

/// When a line has been without an end for so long, what there is of it is written: somebody may
/// wait for it, at a prompt for example.
pub(crate) const PATIENCE: Duration = Duration::from_millis(200);

/// The writing end of a log.
#[derive(Debug)]
pub(crate) struct LogWriter {
    path: Utf8PathBuf,
    file: Option<File>,
    size: u64,
    begun: [Vec<u8>; 2],
    begun_at: Timestamp,
    portion: Vec<u8>,
    dropped: u64,
    is_torn: bool,
}

impl LogWriter {
    /// A log at `path`; what is there already stays.
    pub(crate) fn new(path: &Utf8Path) -> Self {
        let mut writer = Self {
            path: path.to_owned(),
            file: None,
            size: 0,
            begun: [Vec::new(), Vec::new()],
            begun_at: Timestamp::UNIX_EPOCH,
            portion: Vec::new(),
            dropped: 0,
            is_torn: false,
        };
        writer.open();
        writer
    }

    /// Takes what the container has written to one of its streams.
    pub(crate) fn feed(&mut self, stream: Stream, bytes: &[u8], now: Timestamp) {
        let time = rfc3339(now);
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = PIECE_LIMIT - self.begun[index(stream)].len();
            let line_end = rest.iter().take(room + 1).position(|byte| *byte == b'\n');
            if let Some(end) = line_end {
                self.entry(&time, stream, true, &rest[..end]);
                rest = &rest[end + 1..];
            } else if rest.len() >= room {
                self.entry(&time, stream, false, &rest[..room]);
                rest = &rest[room..];
            } else {
                if !self.has_begun() {
                    self.begun_at = now;
                }
                self.begun[index(stream)].extend_from_slice(rest);
                rest = &[];
            }
            if self.portion.len() >= PORTION {
                self.flush(&time);
            }
        }
        self.flush(&time);
    }

    /// Whether there is a line without an end.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.iter().any(|text| !text.is_empty())
    }

    /// Writes lines without an end that have waited long enough.
    pub(crate) fn write_begun(&mut self, now: Timestamp) {
        if self.has_begun() && now.duration_since(self.begun_at).unsigned_abs() >= PATIENCE {
            self.finish(Stream::Stdout, now);
            self.finish(Stream::Stderr, now);
        }
    }

    /// The stream is closed: a line without an end is written as it is.
    pub(crate) fn finish(&mut self, stream: Stream, now: Timestamp) {
        if !self.begun[index(stream)].is_empty() {
            let time = rfc3339(now);
            self.entry(&time, stream, false, &[]);
            self.flush(&time);
        }
    }

    fn entry(&mut self, time: &str, stream: Stream, is_full: bool, rest: &[u8]) {
        let mut text = std::mem::take(&mut self.begun[index(stream)]);
        if text.is_empty() {
            write_entry(&mut self.portion, time, stream, is_full, rest);
        } else {
            text.extend_from_slice(rest);
            write_entry(&mut self.portion, time, stream, is_full, &text);
        }
    }

    fn flush(&mut self, time: &str) {
        let portion = std::mem::take(&mut self.portion);
        if portion.is_empty() {
            return;
        }
        if self.dropped > 0 {
            let mut notice = if self.is_torn { vec![b'\n'] } else { Vec::new() };
            let text = format!("[wharf: {} bytes of log lost here]", self.dropped);
            write_entry(&mut notice, time, Stream::Stderr, true, text.as_bytes());
            if !self.write(&notice) {
                self.dropped += portion.len() as u64;
                return;
            }
            self.dropped = 0;
        }
        if !self.write(&portion) {
            self.dropped += portion.len() as u64;
        }
        if self.size >= PART_LIMIT {
            self.rotate();
        }
    }

    fn write(&mut self, bytes: &[u8]) -> bool {
        if self.file.is_none() {
            self.open();
        }
        let Some(file) = &mut self.file else { return false };
        let is_written = file.write_all(bytes).is_ok();
        self.is_torn = !is_written;
        if is_written {
            self.size += bytes.len() as u64;
        }
        is_written
    }

    fn open(&mut self) {
        let file = File::options().create(true).append(true).open(&self.path).ok();
        self.size = file.as_ref().and_then(|f| f.metadata().ok()).map_or(0, |m| m.len());
        self.file = file;
    }

    fn rotate(&mut self) {
        if std::fs::rename(&self.path, format!("{}.1", self.path)).is_ok() {
            self.open();
        }
    }
}

fn index(stream: Stream) -> usize {
    match stream {
        Stream::Stdout => 0,
        Stream::Stderr => 1,
    }
}

fn rfc3339(time: Timestamp) -> String {
    format!("{time:.9}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cri::Entry;

    struct Log {
        _dir: tempfile::TempDir,
        path: Utf8PathBuf,
        writer: LogWriter,
    }

    fn log() -> Log {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("1-1.log");
        Log { _dir: dir, writer: LogWriter::new(&path), path }
    }

    fn entries(path: &str) -> Vec<(Stream, bool, String)> {
        let content = std::fs::read(path).unwrap();
        let content = content.strip_suffix(b"\n").unwrap_or_default();
        let entry = |line| {
            let entry = Entry::parse(line).unwrap();
            (entry.stream, entry.is_full, String::from_utf8(entry.text.to_vec()).unwrap())
        };
        content.split(|byte| *byte == b'\n').map(entry).collect()
    }

    #[test]
    fn lines_are_put_together_from_whatever_arrives() {
        let mut log = log();
        let now = Timestamp::UNIX_EPOCH;
        log.writer.feed(Stream::Stdout, b"one\ntw", now);
        log.writer.feed(Stream::Stderr, b"err", now);
        log.writer.feed(Stream::Stdout, b"o\n\nend", now);
        log.writer.finish(Stream::Stdout, now);
        log.writer.finish(Stream::Stderr, now);
        let full = |text: &str| (Stream::Stdout, true, text.to_owned());
        let expected = [
            full("one"),
            full("two"),
            full(""),
            (Stream::Stdout, false, "end".to_owned()),
            (Stream::Stderr, false, "err".to_owned()),
        ];
        assert_eq!(entries(log.path.as_str()), expected);
        let content = std::fs::read_to_string(&log.path).unwrap();
        assert!(content.starts_with("1970-01-01T00:00:00.000000000Z stdout F one\n"), "{content}");
    }

    #[test]
    fn a_line_that_stays_without_an_end_is_written_and_goes_on_later() {
        let mut log = log();
        let at = |millis| Timestamp::from_millisecond(millis).unwrap();
        log.writer.feed(Stream::Stdout, b"name? ", at(1_000));
        log.writer.write_begun(at(1_199));
        assert_eq!(std::fs::metadata(&log.path).unwrap().len(), 0);
        log.writer.write_begun(at(1_200));
        assert!(!log.writer.has_begun());
        log.writer.feed(Stream::Stdout, b"x\n", at(9_000));
        let piece = |is_full, text: &str| (Stream::Stdout, is_full, text.to_owned());
        assert_eq!(entries(log.path.as_str()), [piece(false, "name? "), piece(true, "x")]);
    }

    #[test]
    fn a_long_line_becomes_pieces_that_join_to_the_same() {
        for chunk in [1_000, 16_384, 16_385, 100_001] {
            let mut log = log();
            let line: String = ('a'..='z').cycle().take(100_000).collect();
            for part in format!("{line}\n").as_bytes().chunks(chunk) {
                log.writer.feed(Stream::Stdout, part, Timestamp::UNIX_EPOCH);
            }
            let entries = entries(log.path.as_str());
            assert!(entries.iter().all(|(_, _, text)| text.len() <= PIECE_LIMIT));
            assert_eq!(entries.iter().filter(|(_, is_full, _)| *is_full).count(), 1);
            let joined: String = entries.into_iter().map(|(_, _, text)| text).collect();
            assert_eq!(joined, line, "in chunks of {chunk}");
        }
    }

    #[test]
    fn at_the_size_limit_a_new_part_begins() {
        let mut log = log();
        let line = [b"x".repeat(1_000), b"\n".to_vec()].concat();
        for _ in 0..(PART_LIMIT / 1_000 + 10) {
            log.writer.feed(Stream::Stdout, &line, Timestamp::UNIX_EPOCH);
        }
        let older = std::fs::metadata(format!("{}.1", log.path)).unwrap().len();
        let newer = std::fs::metadata(&log.path).unwrap().len();
        assert!((PART_LIMIT..PART_LIMIT + 2_000).contains(&older) && newer < PART_LIMIT);
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_told_later() {
        let mut log = log();
        std::fs::remove_file(&log.path).unwrap();
        log.writer.file = File::options().write(true).open("/dev/full").ok();
        log.writer.feed(Stream::Stdout, b"lost\n", Timestamp::UNIX_EPOCH);
        assert!(log.writer.dropped > 0);
        log.writer.file = None;
        log.writer.feed(Stream::Stdout, b"kept\n", Timestamp::UNIX_EPOCH);
        let content = std::fs::read_to_string(&log.path).unwrap();
        assert!(content.contains("bytes of log lost here]\n"), "{content}");
        assert!(content.ends_with(" stdout F kept\n"), "{content}");
    }
}
