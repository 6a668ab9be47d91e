//! The bytes of a file.

use std::{fs::File, os::unix::fs::FileExt as _};

use rustix::{
    fs::{FallocateFlags, OFlags, SeekFrom, copy_file_range, fallocate, fdatasync, seek},
    io::Errno,
};

use super::{Node, changes::refuse_read_only, failed};
use crate::error::{Code, FilesError};

/// Bytes from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl Span {
    pub(crate) fn len(self) -> u64 {
        self.last - self.first + 1
    }
}

/// Writes bytes that lie within the file, durably.
pub(crate) fn write(node: &Node, first: u64, bytes: &[u8]) -> Result<(), FilesError> {
    let file = writable(node)?;
    within(&file, first, bytes.len() as u64)?;
    file.write_all_at(bytes, first).map_err(failed("write"))?;
    fdatasync(&file).map_err(failed("write"))
}

/// Makes bytes zero, durably; they occupy nothing any more.
pub(crate) fn clear(node: &Node, span: Span) -> Result<(), FilesError> {
    let file = writable(node)?;
    within(&file, span.first, span.len())?;
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    match fallocate(&file, flags, span.first, span.len()) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => zero(&file, span)?,
        other => other.map_err(failed("write"))?,
    }
    fdatasync(&file).map_err(failed("write"))
}

fn zero(file: &File, span: Span) -> Result<(), FilesError> {
    const PART: usize = 64 << 10;
    let zeros = vec![0; PART];
    let mut first = span.first;
    while first <= span.last {
        let part = usize::try_from(span.last - first + 1).unwrap_or(PART).min(PART);
        file.write_all_at(&zeros[..part], first).map_err(failed("write"))?;
        first += part as u64;
    }
    Ok(())
}

/// Makes a file longer or shorter, durably.
pub(crate) fn resize(node: &Node, size: u64) -> Result<(), FilesError> {
    let file = writable(node)?;
    file.set_len(size).map_err(failed("write"))?;
    file.sync_all().map_err(failed("write"))
}

/// Reads a few bytes.
pub(crate) fn read(node: &Node, span: Span) -> Result<Vec<u8>, FilesError> {
    let file = node.open(OFlags::RDONLY).map_err(failed("open"))?;
    let mut bytes = vec![0; usize::try_from(span.len()).map_err(|_| Code::OutOfRangeInput)?];
    match file.read_exact_at(&mut bytes, span.first) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err(Code::InvalidRange.into())
        }
        other => other.map(|()| bytes).map_err(failed("read")),
    }
}

/// Where in `span` a file has data; the rest is zeros that occupy nothing.
pub(crate) fn ranges(node: &Node, span: Span) -> Result<Vec<Span>, FilesError> {
    ranges_of(&node.open(OFlags::RDONLY).map_err(failed("open"))?, span)
}

fn ranges_of(file: &File, span: Span) -> Result<Vec<Span>, FilesError> {
    let mut ranges = Vec::new();
    let mut at = span.first;
    while at <= span.last {
        let first = match seek(file, SeekFrom::Data(at)) {
            Err(Errno::NXIO) => break,
            other => other.map_err(failed("read"))?,
        };
        let end = match seek(file, SeekFrom::Hole(first)) {
            // It has become shorter meanwhile.
            Err(Errno::NXIO) => break,
            other => other.map_err(failed("read"))?,
        };
        if first > span.last || end <= first {
            break;
        }
        ranges.push(Span { first, last: (end - 1).min(span.last) });
        at = end;
    }
    Ok(ranges)
}

/// Copies all of a file into another of the same size; holes stay holes. Durable.
pub(crate) fn copy(from: &Node, to: &Node) -> Result<(), FilesError> {
    let source = from.open(OFlags::RDONLY).map_err(failed("open"))?;
    let target = to.open(OFlags::RDWR).map_err(failed("open"))?;
    copy_data(&source, from.about.size, &target)?;
    target.sync_all().map_err(failed("write"))
}

/// The same with so many bytes of open files; nothing is synced.
pub(super) fn copy_data(source: &File, size: u64, target: &File) -> Result<(), FilesError> {
    let Some(last) = size.checked_sub(1) else { return Ok(()) };
    for span in ranges_of(source, Span { first: 0, last })? {
        copy_span(source, target, span)?;
    }
    Ok(())
}

fn copy_span(source: &File, target: &File, span: Span) -> Result<(), FilesError> {
    const PART: u64 = 64 << 20;
    let (mut from, mut to) = (span.first, span.first);
    while from <= span.last {
        let part = usize::try_from((span.last - from + 1).min(PART)).unwrap_or(usize::MAX);
        match copy_file_range(source, Some(&mut from), target, Some(&mut to), part) {
            // The source became shorter meanwhile.
            Ok(0) => return Ok(()),
            other => drop(other.map_err(failed("write"))?),
        }
    }
    Ok(())
}

fn writable(node: &Node) -> Result<File, FilesError> {
    refuse_read_only(node)?;
    node.open(OFlags::RDWR).map_err(failed("open"))
}

fn within(file: &File, first: u64, length: u64) -> Result<(), FilesError> {
    let size = file.metadata().map_err(failed("read"))?.len();
    let end = first.checked_add(length);
    if end.is_none_or(|end| end > size) { Err(Code::InvalidRange.into()) } else { Ok(()) }
}
