//! Files and names that survive the loss of power.

use std::{fs, fs::File, io::Write as _, path::Path};

use crate::error::RegistryError;

/// What files are called until they are whole.
const UNFINISHED: &str = ".tmp";

/// Makes the names in a directory durable.
pub(crate) fn sync(directory: &Path) -> Result<(), RegistryError> {
    let synced = File::open(directory).and_then(|opened| opened.sync_all());
    synced.map_err(RegistryError::file("sync", directory))
}

/// Makes a directory and what is missing above it.
pub(crate) fn make_directory(path: &Path) -> Result<(), RegistryError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_directory(parent)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(RegistryError::file("make", path)(error));
        }
        Ok(()) | Err(_) => {}
    }
    path.parent().map_or(Ok(()), sync)
}

/// Puts `bytes` in place of what `path` holds; a crash leaves the one or the other.
pub(crate) fn replace(path: &Path, bytes: &[&[u8]]) -> Result<(), RegistryError> {
    let Some(directory) = path.parent() else { return Ok(()) };
    make_directory(directory)?;
    let made = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(directory);
    let written = made.and_then(|mut file| {
        for part in bytes {
            file.write_all(part)?;
        }
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)
    });
    drop(written.map_err(RegistryError::file("write", path))?);
    sync(directory)
}

/// Removes what a crash left of [`replace`], while nobody replaces anything in a directory.
pub(crate) fn remove_unfinished(directory: &Path) -> Result<(), RegistryError> {
    let names = list(directory)?;
    let unfinished = names.iter().filter(|name| name.starts_with(UNFINISHED));
    unfinished.map(|name| directory.join(name)).try_for_each(|path| remove(&path).map(drop))
}

/// Removes a file; whether it was there.
pub(crate) fn remove(path: &Path) -> Result<bool, RegistryError> {
    match fs::remove_file(path) {
        Ok(()) => path.parent().map_or(Ok(()), sync).map(|()| true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(RegistryError::file("remove", path)(error)),
    }
}

/// The names in a directory, in order; of none if it is not there.
pub(crate) fn list(directory: &Path) -> Result<Vec<String>, RegistryError> {
    let failed = |error| RegistryError::file("list", directory)(error);
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.map(|entry| entry.file_name().into_string().ok()).transpose()
    };
    let mut names = entries.filter_map(name).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    names.sort_unstable();
    Ok(names)
}

/// What a file holds, if it is there.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, RegistryError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(RegistryError::file("read", path)(error)),
    }
}
