//! The log format of the Kubernetes container runtime interface, which log shippers already read:
//! `<RFC 3339 time> <stdout|stderr> <F|P> <text>`.
//!
//! `P` marks a piece whose line goes on in the next entry of the same stream, `F` the end of a
//! line. A line that never ended, because the container did, stays `P`.

use std::fmt;

/// The longest text of one entry, in bytes; longer lines are cut into pieces.
pub const PIECE_LIMIT: usize = 16 << 10;

/// When a log file reaches this size, in bytes, it becomes the older part and a new one begins.
pub const PART_LIMIT: u64 = 4 << 20;

/// Where a container wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// The name in an entry.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One entry, borrowed from the file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// RFC 3339 with nanoseconds, as written.
    pub time: &'a [u8],
    /// Where the container wrote it.
    pub stream: Stream,
    /// Whether the line ends here.
    pub is_full: bool,
    /// What it wrote, without the end of line.
    pub text: &'a [u8],
}

impl<'a> Entry<'a> {
    /// Reads one line of the file, without its end; `None` if it is torn.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let mut fields = line.splitn(4, |byte| *byte == b' ');
        let time = fields.next().filter(|time| time.len() >= 20)?;
        let stream = match fields.next()? {
            b"stdout" => Stream::Stdout,
            b"stderr" => Stream::Stderr,
            _ => return None,
        };
        let is_full = match fields.next()? {
            b"F" => true,
            b"P" => false,
            _ => return None,
        };
        Some(Self { time, stream, is_full, text: fields.next()? })
    }
}

/// Appends one entry with its end of line.
pub fn write_entry(out: &mut Vec<u8>, time: &str, stream: Stream, is_full: bool, text: &[u8]) {
    out.extend_from_slice(time.as_bytes());
    out.push(b' ');
    out.extend_from_slice(stream.as_str().as_bytes());
    out.extend_from_slice(if is_full { b" F " } else { b" P " });
    out.extend_from_slice(text);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_survives_its_text_form() {
        let mut out = Vec::new();
        write_entry(&mut out, "2026-01-02T03:04:05.000000006Z", Stream::Stderr, true, b" a  b");
        assert_eq!(out, b"2026-01-02T03:04:05.000000006Z stderr F  a  b\n");
        let entry = Entry::parse(out.strip_suffix(b"\n").unwrap()).unwrap();
        assert_eq!(
            (entry.stream, entry.is_full, entry.text),
            (Stream::Stderr, true, &b" a  b"[..])
        );
    }

    #[test]
    fn torn_lines_are_no_entries() {
        for torn in [
            "",
            "2026-01-02T03:04:05.000000006Z",
            "2026-01-02T03:04:05.000000006Z std",
            "x stdout F y",
        ] {
            assert_eq!(Entry::parse(torn.as_bytes()), None, "{torn}");
        }
    }
}
