//! What happened in a sandbox, on disk before anybody is told, so that it can be known after the
//! shim has died.
//!
//! One JSON record a line. A start is announced before anything is made, so that a shim that dies
//! in between leaves a run without an end and not a container that nobody remembers.

use std::io::{self, Write};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wharf_model::{ContainerName, status::Exit};

use crate::table::{RunKey, Table};

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Record {
    /// A container is about to be made.
    Intent {
        /// Which start.
        key: RunKey,
        /// When.
        at: Timestamp,
    },
    /// Its process was started.
    Started {
        /// Which start.
        key: RunKey,
        /// When.
        at: Timestamp,
        /// Its first process, as the host sees it.
        pid: u32,
    },
    /// It ended, or could not be started.
    Ended {
        /// Which start.
        key: RunKey,
        /// How.
        exit: Exit,
    },
    /// It was removed on request.
    Removed {
        /// Which container.
        name: ContainerName,
    },
}

/// A journal that cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be made.
    #[error("create journal {path}")]
    Create {
        /// The journal.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The record did not reach the disk.
    #[error("append to journal {path}")]
    Append {
        /// The journal.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is there but cannot be read.
    #[error("read journal {path}")]
    Read {
        /// The journal.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The writing end; a shim has one.
#[derive(Debug)]
pub struct Journal {
    path: Utf8PathBuf,
    file: fs::File,
    is_torn: bool,
}

impl Journal {
    /// Opens the journal for appending, making it if need be.
    pub fn open(path: &Utf8Path) -> Result<Self, JournalError> {
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|source| JournalError::Create { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), file, is_torn: false })
    }

    /// Appends a record. On return it is on disk, but for [`Record::Intent`], which has to survive
    /// the shim and not the host.
    pub fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        let failed = |source| JournalError::Append { path: self.path.clone(), source };
        let mut line = if self.is_torn { vec![b'\n'] } else { Vec::new() };
        serde_json::to_writer(&mut line, record).map_err(|e| failed(e.into()))?;
        line.push(b'\n');
        let written = self.file.write_all(&line);
        self.is_torn = written.is_err();
        written.map_err(failed)?;
        match record {
            Record::Intent { .. } => Ok(()),
            Record::Started { .. } | Record::Ended { .. } | Record::Removed { .. } => {
                self.file.sync_data().map_err(failed)
            }
        }
    }
}

/// The table of a shim that cannot be asked any more. No journal: an empty table. A line that is
/// not a record, such as a torn last one, is passed over.
pub fn read(path: &Utf8Path) -> Result<Table, JournalError> {
    let content = match fs::read(path) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Table::default()),
        Err(source) => return Err(JournalError::Read { path: path.to_owned(), source }),
    };
    let mut table = Table::default();
    for line in content.split(|byte| *byte == b'\n') {
        match serde_json::from_slice(line) {
            Ok(Record::Intent { key, at }) => table.begin(&key, at, None),
            Ok(Record::Started { key, at, pid }) => table.begin(&key, at, Some(pid)),
            Ok(Record::Ended { key, exit }) => table.end(&key, exit),
            Ok(Record::Removed { name }) => table.remove(&name),
            Err(_) => {}
        }
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use wharf_model::{Generation, status::ExitCause};

    use super::*;

    fn key(name: &str, start: u32) -> RunKey {
        let name = ContainerName::parse(name).unwrap();
        RunKey { name, revision: Generation(1), start }
    }

    #[test]
    fn a_journal_tells_what_ran_even_when_torn() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("journal");
        assert_eq!(read(&path).unwrap(), Table::default());

        let at = Timestamp::UNIX_EPOCH;
        let exit = Exit { code: 3, at, cause: ExitCause::Exited, message: None };
        let mut journal = Journal::open(&path).unwrap();
        for record in [
            Record::Intent { key: key("ended", 1), at },
            Record::Started { key: key("ended", 1), at, pid: 10 },
            Record::Ended { key: key("ended", 1), exit: exit.clone() },
            Record::Intent { key: key("running", 1), at },
            Record::Started { key: key("running", 1), at, pid: 11 },
            Record::Intent { key: key("halfway", 1), at },
            Record::Intent { key: key("removed", 1), at },
            Record::Removed { name: key("removed", 1).name },
        ] {
            journal.append(&record).unwrap();
        }
        journal.file.write_all(br#"{"event":"ended","key":{"name":"runn"#).unwrap();

        let table = read(&path).unwrap();
        let names: Vec<&str> = table.containers.keys().map(ContainerName::as_str).collect();
        assert_eq!(names, ["ended", "halfway", "running"]);
        let run = |name: &str| table.containers[&key(name, 1).name].runs[0].clone();
        assert_eq!(run("ended").exit, Some(exit));
        assert_eq!(run("running").exit, None);
        assert_eq!(run("halfway").exit, None);
        assert_eq!(table.containers[&key("running", 1).name].pid, Some(11));
    }
}
