//! What is in a directory, in pages.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rustix::fs::{Dir, OFlags};

use super::{About, Kind, Node, failed, fold};
use crate::error::{Code, FilesError};

/// Which part of a directory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) prefix: Vec<u8>,
    pub(crate) marker: Option<String>,
    pub(crate) max: usize,
}

/// Names in order, whatever their case, and where the next page begins.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) entries: Vec<(OsString, About)>,
    pub(crate) next: Option<String>,
}

/// Names are ordered by this.
type Key = (Vec<u8>, Vec<u8>);

/// Lists a directory. Links, devices, pipes and sockets are left out.
pub(crate) fn list(directory: &Node, wanted: &Wanted) -> Result<Page, FilesError> {
    let opened = directory.open(OFlags::RDONLY | OFlags::DIRECTORY).map_err(failed("list"))?;
    let after = wanted.marker.as_deref().map(read_marker).transpose()?;
    let prefix = fold(&wanted.prefix);
    let mut keys: Vec<Key> = Vec::new();
    for entry in Dir::read_from(&opened).map_err(failed("list"))? {
        let entry = entry.map_err(failed("list"))?;
        let name = entry.file_name().to_bytes();
        let key = (fold(name), name.to_vec());
        let later = after.as_ref().is_none_or(|after| key >= *after);
        if !matches!(name, b"." | b"..") && later && key.0.starts_with(&prefix) {
            keys.push(key);
        }
    }
    keys.sort_unstable();
    let mut page = Page { entries: Vec::new(), next: None };
    for (_, name) in keys {
        let Ok(about) = About::named(&opened, OsStr::from_bytes(&name)) else { continue };
        if about.kind == Kind::Other {
            continue;
        }
        if page.entries.len() == wanted.max {
            page.next = Some(URL_SAFE_NO_PAD.encode(&name));
            break;
        }
        page.entries.push((OsString::from_vec(name), about));
    }
    Ok(page)
}

fn read_marker(marker: &str) -> Result<Key, FilesError> {
    let name = URL_SAFE_NO_PAD.decode(marker).map_err(|_| {
        FilesError::because(Code::OutOfRangeQueryParameterValue, "The marker is not one of ours.")
    })?;
    Ok((fold(&name), name))
}
