//! Names: removing and renaming, as Linux means it and servers do not.
//!
//! A server keeps the name of a removed file until nobody has it open any more, and lets no file
//! take the place of an open one. So what is open here gets a hidden name first.

use std::{
    process,
    sync::{Arc, atomic::Ordering},
};

use nix::libc;

use super::{Result, Tree, abandon, look};
use crate::{calls::Attributes, errors::Errno, remote::Live};

/// How hidden names begin.
const HIDDEN: &str = ".wharf-removed-";
/// As long as names of Linux may be.
const NAME_MAX: usize = 255;

/// Whether a name is of a file that was removed while it was open.
pub(super) fn is_hidden(name: &str) -> bool {
    name.starts_with(HIDDEN)
}

/// Whether a name is one.
pub(super) fn check(name: &str) -> Result<()> {
    match name {
        "" | "." | ".." => Err(libc::EINVAL),
        _ if name.len() > NAME_MAX => Err(libc::ENAMETOOLONG),
        _ if name.contains(['/', '\0']) => Err(libc::EINVAL),
        _ => Ok(()),
    }
}

impl Tree {
    /// Removes a file.
    pub(crate) async fn remove_file(&self, parent: u64, name: &str) -> Result<()> {
        let path = self.path_in(parent, name)?;
        let is_open = self.is_open(parent, name).await;
        let removed = if is_open {
            self.hide(&path).await
        } else {
            let path = path.as_str();
            let remove = |live: Arc<Live>| async move {
                live.tree.delete_file(&mut live.connection(), path).await
            };
            self.remote.call(false, remove).await
        };
        removed?;
        self.nodes.remove(parent, name);
        Ok(())
    }

    /// Whether somebody here has a file open.
    async fn is_open(&self, parent: u64, name: &str) -> bool {
        let Some(node) = self.nodes.find(parent, name) else { return false };
        self.handles.settle(node).await;
        self.handles.of_node(node, false).is_some()
    }

    /// Takes the name from a file and has it removed once it is closed.
    async fn hide(&self, path: &str) -> Result<()> {
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        let slash = if parent.is_empty() { "" } else { "/" };
        let number = self.hidden.fetch_add(1, Ordering::Relaxed);
        let hidden = format!("{parent}{slash}{HIDDEN}{}-{number}", process::id());
        let hidden = hidden.as_str();
        let hide = |live: Arc<Live>| async move {
            live.rename(path, hidden, false).await?;
            let file = live.open_to_remove(hidden).await?;
            let marked = live.remove_when_closed(file).await;
            abandon(&live, file).await;
            marked
        };
        self.remote.call(false, hide).await
    }

    /// Removes an empty directory.
    pub(crate) async fn remove_directory(&self, parent: u64, name: &str) -> Result<()> {
        self.delete_directory(&self.path_in(parent, name)?).await?;
        self.nodes.remove(parent, name);
        Ok(())
    }

    async fn delete_directory(&self, path: &str) -> Result<()> {
        let delete = |live: Arc<Live>| async move {
            live.tree.delete_directory(&mut live.connection(), path).await
        };
        self.remote.call(false, delete).await
    }

    /// Makes a directory; it has to be forgotten again.
    pub(crate) async fn make_directory(
        &self,
        parent: u64,
        name: &str,
    ) -> Result<(u64, Attributes)> {
        if is_hidden(name) {
            return Err(libc::EPERM);
        }
        let path = self.path_in(parent, name)?;
        let path = path.as_str();
        let mkdir = |live: Arc<Live>| async move { live.make_directory(path).await };
        let made = self.remote.call(false, mkdir).await?;
        Ok((self.nodes.look_up(parent, name), made))
    }

    /// Renames; a file takes the place of another.
    pub(crate) async fn rename(
        &self,
        from: (u64, &str),
        to: (u64, &str),
        may_replace: bool,
    ) -> Result<()> {
        if is_hidden(to.1) {
            return Err(libc::EPERM);
        }
        let (source, target) = (self.path_in(from.0, from.1)?, self.path_in(to.0, to.1)?);
        let is_open = self.is_open(to.0, to.1).await;
        let renamed = self.rename_once(&source, &target, may_replace).await;
        match renamed {
            Err(error) if may_replace && is_taken(error) => {
                self.make_way(&source, &target, is_open, error).await?;
                self.rename_once(&source, &target, may_replace).await?;
            }
            other => other?,
        }
        self.nodes.rename(from, to);
        Ok(())
    }

    async fn rename_once(&self, source: &str, target: &str, may_replace: bool) -> Result<()> {
        let rename =
            |live: Arc<Live>| async move { live.rename(source, target, may_replace).await };
        self.remote.call(false, rename).await
    }

    /// Removes what another is to take the place of: servers refuse that for open files, and for
    /// directories always.
    async fn make_way(
        &self,
        source: &str,
        target: &str,
        is_open: bool,
        refused: Errno,
    ) -> Result<()> {
        let there = look(&self.remote, target).await.map_err(|_| refused)?;
        let coming = look(&self.remote, source).await?;
        match (coming.is_directory, there.is_directory) {
            (false, true) => Err(libc::EISDIR),
            (true, false) => Err(libc::ENOTDIR),
            (true, true) => self.delete_directory(target).await,
            (false, false) if is_open => self.hide(target).await,
            // Open elsewhere, perhaps: its name can be taken from it all the same.
            (false, false) => self.hide(target).await.map_err(|_| refused),
        }
    }
}

/// Whether a rename may have been refused for what is at the new name.
fn is_taken(error: Errno) -> bool {
    matches!(error, libc::EACCES | libc::EEXIST | libc::EBUSY | libc::EISDIR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_elsewhere_is_none() {
        for name in ["", ".", "..", "a/b", "a\0"] {
            assert!(check(name).is_err(), "{name:?}");
        }
        assert_eq!(check(&"a".repeat(256)), Err(libc::ENAMETOOLONG));
        for name in ["a\\b", "who?", "...", "ä ö", "con"] {
            assert_eq!(check(name), Ok(()));
        }
        assert!(is_hidden(".wharf-removed-1-0") && !is_hidden(".wharf"));
    }
}
