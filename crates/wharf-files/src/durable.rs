//! Small files and names that survive the loss of power.

use std::{fs::File, io::Write as _, path::Path};

use crate::error::FilesError;

/// Makes the names in a directory durable.
pub(crate) fn sync(directory: &Path) -> Result<(), FilesError> {
    let synced = File::open(directory).and_then(|opened| opened.sync_all());
    synced.map_err(FilesError::file("sync", directory))
}

/// Puts `bytes` in place of what `path` holds; a crash leaves the one or the other.
pub(crate) fn replace(path: &Path, temporary: &Path, bytes: &[u8]) -> Result<(), FilesError> {
    let written = tempfile::NamedTempFile::new_in(temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)
    });
    drop(written.map_err(FilesError::file("write", path))?);
    path.parent().map_or(Ok(()), sync)
}
