//! Reading what containers wrote: the log files that shims keep, as one text.

mod follow;

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use wharf_model::{ContainerName, backend::LogQuery};
use wharf_shim::{
    cri::{Entry, PART_LIMIT, Stream},
    paths::Storage,
};

pub use follow::{Follower, Piece};

/// How much of the log of a container that has ended for good is shown (semantics.md §3).
const SHORT_LINES: usize = 1_000;
const SHORT_BYTES: usize = 16 << 10;

/// A log that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("read log {path}")]
pub struct LogError {
    /// The file or directory.
    pub path: Utf8PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// What the container has written in its latest run, or the one before; `None` if it has not been
/// started that often. Blocks on file system calls.
pub fn read_latest(
    storage: &Storage,
    container: &ContainerName,
    query: LogQuery,
) -> Result<Option<String>, LogError> {
    let paths = runs(storage, container)?;
    let path = paths.iter().rev().nth(usize::from(query.previous));
    path.map(|path| read(path, query)).transpose()
}

/// Removes the logs of all but the latest runs of a container.
pub fn prune(storage: &Storage, container: &ContainerName, keep: usize) -> Result<(), LogError> {
    let mut paths = runs(storage, container)?;
    paths.truncate(paths.len().saturating_sub(keep));
    for path in paths {
        for part in [older_part(&path), path] {
            match fs::remove_file(&part) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(LogError { path: part, source }),
            }
        }
    }
    Ok(())
}

/// The log files of a container, oldest run first.
fn runs(storage: &Storage, container: &ContainerName) -> Result<Vec<Utf8PathBuf>, LogError> {
    let some_log = storage.log(container, 0, 0);
    let directory = some_log.parent().unwrap_or(&some_log);
    let entries = match directory.read_dir_utf8() {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(LogError { path: directory.to_owned(), source }),
    };
    let mut runs: Vec<((u64, u32), Utf8PathBuf)> = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|source| LogError { path: directory.to_owned(), source })?;
        let number = entry.file_name().strip_suffix(".log").and_then(|stem| stem.split_once('-'));
        if let Some((revision, start)) = number
            && let (Ok(revision), Ok(start)) = (revision.parse(), start.parse())
        {
            runs.push(((revision, start), entry.into_path()));
        }
    }
    runs.sort_unstable();
    Ok(runs.into_iter().map(|(_, path)| path).collect())
}

fn older_part(path: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{path}.1"))
}

/// One log file with its older part, as a text: at most the last 4 MiB, both streams in the order
/// written. Bytes that are not UTF-8 are replaced.
pub fn read(path: &Utf8Path, query: LogQuery) -> Result<String, LogError> {
    let mut content = read_part(&older_part(path))?;
    content.extend_from_slice(&read_part(path)?);
    let limit = usize::try_from(PART_LIMIT).unwrap_or(usize::MAX);
    let mut content = content.as_slice();
    if let Some(surplus) = content.len().checked_sub(limit + 1) {
        // The first line is probably cut.
        let rest = &content[surplus..];
        let line_end = rest.iter().position(|byte| *byte == b'\n');
        content = line_end.map_or(&[], |end| &rest[end + 1..]);
    }
    let lines = join(content, query.timestamps);
    let tail = if query.is_short {
        Some(query.tail.unwrap_or(SHORT_LINES).min(SHORT_LINES))
    } else {
        query.tail
    };
    let skip = tail.map_or(0, |tail| lines.len().saturating_sub(tail));
    let lines = &lines[skip..];
    let text = if query.is_short { last_bytes(lines, SHORT_BYTES) } else { lines.concat() };
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The last lines that fit, or the end of the last one.
fn last_bytes(lines: &[Vec<u8>], limit: usize) -> Vec<u8> {
    let mut size = 0;
    let fit = lines.iter().rev().take_while(|line| {
        size += line.len();
        size <= limit
    });
    match (fit.count(), lines.last()) {
        (0, Some(last)) => last[last.len() - limit..].to_vec(),
        (count, _) => lines[lines.len() - count..].concat(),
    }
}

fn read_part(path: &Utf8Path) -> Result<Vec<u8>, LogError> {
    match fs::read(path) {
        Ok(content) => Ok(content),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(LogError { path: path.to_owned(), source }),
    }
}

/// Whole lines out of entries; pieces of one stream go together, torn entries are left out.
fn join(content: &[u8], with_times: bool) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    let mut begun: [Vec<u8>; 2] = [Vec::new(), Vec::new()];
    for entry in content.split(|byte| *byte == b'\n').filter_map(Entry::parse) {
        let line = match entry.stream {
            Stream::Stdout => &mut begun[0],
            Stream::Stderr => &mut begun[1],
        };
        if with_times && line.is_empty() {
            line.extend_from_slice(entry.time);
            line.push(b' ');
        }
        line.extend_from_slice(entry.text);
        if entry.is_full {
            line.push(b'\n');
            lines.push(std::mem::take(line));
        }
    }
    lines.extend(begun.into_iter().filter(|line| !line.is_empty()));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "\
2026-01-02T03:04:05.000000001Z stdout F one
2026-01-02T03:04:05.000000002Z stdout P tw
2026-01-02T03:04:05.000000003Z stderr F three
garbage
2026-01-02T03:04:05.000000004Z stdout F o
2026-01-02T03:04:05.000000005Z stdout F 
2026-01-02T03:04:05.000000006Z stderr P end";

    fn written(content: &str) -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("1-1.log");
        fs::write(&path, content).unwrap();
        (dir, path)
    }

    fn query(tail: Option<usize>, timestamps: bool) -> LogQuery {
        LogQuery { tail, timestamps, ..LogQuery::default() }
    }

    #[test]
    fn pieces_are_joined_and_streams_keep_their_order() {
        let (_dir, path) = written(SAMPLE);
        assert_eq!(read(&path, query(None, false)).unwrap(), "one\nthree\ntwo\n\nend");
    }

    #[test]
    fn a_line_bears_the_time_of_its_beginning() {
        let (_dir, path) = written(SAMPLE);
        let expected = "2026-01-02T03:04:05.000000002Z two\n2026-01-02T03:04:05.000000005Z \n\
                        2026-01-02T03:04:05.000000006Z end";
        assert_eq!(read(&path, query(Some(3), true)).unwrap(), expected);
    }

    #[test]
    fn the_tail_counts_lines() {
        let (_dir, path) = written(SAMPLE);
        assert_eq!(read(&path, query(Some(0), false)).unwrap(), "");
        assert_eq!(read(&path, query(Some(2), false)).unwrap(), "\nend");
        assert_eq!(read(&path, query(Some(99), false)).unwrap(), "one\nthree\ntwo\n\nend");
    }

    #[test]
    fn the_older_part_comes_first() {
        let (_dir, path) = written(SAMPLE);
        fs::write(older_part(&path), "2026-01-02T03:04:04.000000001Z stdout F zero\n").unwrap();
        assert!(read(&path, query(None, false)).unwrap().starts_with("zero\none\n"));
    }

    #[test]
    fn only_the_last_four_mebibytes_are_read() {
        let line = format!("2026-01-02T03:04:05.000000001Z stdout F {}\n", "x".repeat(100));
        let count = (6 << 20) / line.len();
        let (_dir, path) = written(&line.repeat(count));
        let text = read(&path, query(None, false)).unwrap();
        let expected = (4 << 20) / line.len();
        assert!(text.lines().count().abs_diff(expected) <= 1);
        assert!(text.lines().all(|line| line.len() == 100));
    }

    #[test]
    fn of_a_container_that_has_ended_the_last_lines_are_shown() {
        let line = |text: &str| format!("2026-01-02T03:04:05.000000001Z stdout F {text}\n");
        let query = LogQuery { is_short: true, ..LogQuery::default() };
        let (_dir, path) = written(&line("x").repeat(3_000));
        assert_eq!(read(&path, query).unwrap(), "x\n".repeat(1_000));
        let (_dir, path) = written(&line(&"x".repeat(99)).repeat(900));
        assert_eq!(read(&path, query).unwrap().len(), 16_300);
        let (_dir, path) = written(&line(&format!("a{}", "x".repeat(20_000))));
        let text = read(&path, query).unwrap();
        assert!(text.len() == 16 << 10 && text.ends_with("x\n"));
        let query = LogQuery { tail: Some(2), ..query };
        let (_dir, path) = written(&line("x").repeat(3_000));
        assert_eq!(read(&path, query).unwrap(), "x\nx\n");
    }

    #[test]
    fn the_latest_run_is_found_by_number_and_the_rest_can_be_pruned() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage(Utf8Path::from_path(dir.path()).unwrap().to_owned());
        let name = ContainerName::parse("web").unwrap();
        assert_eq!(read_latest(&storage, &name, LogQuery::default()).unwrap(), None);
        fs::create_dir_all(storage.log(&name, 0, 0).parent().unwrap()).unwrap();
        for (revision, start) in [(9, 1), (10, 2), (10, 10), (10, 9)] {
            let line = format!("2026-01-02T03:04:05.000000001Z stdout F {revision}-{start}\n");
            fs::write(storage.log(&name, revision, start), line).unwrap();
        }
        let latest = || read_latest(&storage, &name, LogQuery::default()).unwrap();
        assert_eq!(latest().as_deref(), Some("10-10\n"));
        let query = LogQuery { previous: true, ..LogQuery::default() };
        let previous = read_latest(&storage, &name, query).unwrap();
        assert_eq!(previous.as_deref(), Some("10-9\n"));
        prune(&storage, &name, 2).unwrap();
        assert_eq!(runs(&storage, &name).unwrap().len(), 2);
        assert_eq!(latest().as_deref(), Some("10-10\n"));
    }
}
