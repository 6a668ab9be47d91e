//! Small files that are there whole or not at all.

use std::io::{self, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err::os::unix::fs::OpenOptionsExt as _;

/// Writes a file under a temporary name first, so that a crash leaves no half of it.
pub(crate) fn write(path: &Utf8Path, text: &str, mode: u32) -> io::Result<()> {
    let temporary = Utf8PathBuf::from(format!("{path}.new"));
    let mut file = fs_err::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs_err::rename(&temporary, path)
}
