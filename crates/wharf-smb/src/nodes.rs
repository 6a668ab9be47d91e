//! The files that the kernel knows of, by its numbers: each has a place, none more than that.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The number of the mount's own directory.
pub(crate) const ROOT: u64 = 1;

/// One file or directory.
#[derive(Debug)]
struct Node {
    /// Where it is; nothing once it has been removed.
    place: Option<(u64, String)>,
    /// How often the kernel has been told its number and has not forgotten it.
    lookups: u64,
}

#[derive(Debug, Default)]
struct Table {
    nodes: HashMap<u64, Node>,
    by_place: HashMap<(u64, String), u64>,
    last: u64,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Nodes(Mutex<Table>);

impl Nodes {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Table { last: ROOT, ..Table::default() }))
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The path of a file from the mount's directory on; `None`: it has been removed.
    pub(crate) fn path(&self, number: u64) -> Option<String> {
        let table = self.lock();
        let mut names = Vec::new();
        let mut at = number;
        while at != ROOT {
            let (parent, name) = table.nodes.get(&at)?.place.as_ref()?;
            names.push(name.as_str());
            at = *parent;
        }
        names.reverse();
        Some(names.join("/"))
    }

    /// The path of a name in a directory.
    pub(crate) fn path_in(&self, parent: u64, name: &str) -> Option<String> {
        let parent = self.path(parent)?;
        Some(if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") })
    }

    /// The number of what is at a place, if the kernel knows of it.
    pub(crate) fn find(&self, parent: u64, name: &str) -> Option<u64> {
        self.lock().by_place.get(&(parent, name.to_owned())).copied()
    }

    /// The number of what is at a place, which the kernel is going to be told.
    pub(crate) fn look_up(&self, parent: u64, name: &str) -> u64 {
        let mut table = self.lock();
        let place = (parent, name.to_owned());
        let known = table.by_place.get(&place).copied();
        let number = known.unwrap_or_else(|| {
            table.last += 1;
            let number = table.last;
            table.by_place.insert(place.clone(), number);
            number
        });
        let node = table.nodes.entry(number);
        node.or_insert(Node { place: Some(place), lookups: 0 }).lookups += 1;
        number
    }

    /// The kernel has forgotten a number so many times.
    pub(crate) fn forget(&self, number: u64, times: u64) {
        let mut table = self.lock();
        let Some(node) = table.nodes.get_mut(&number) else { return };
        node.lookups = node.lookups.saturating_sub(times);
        if node.lookups == 0
            && let Some(node) = table.nodes.remove(&number)
            && let Some(place) = node.place
        {
            table.by_place.remove(&place);
        }
    }

    /// What was at a place is gone.
    pub(crate) fn remove(&self, parent: u64, name: &str) {
        let mut table = self.lock();
        if let Some(number) = table.by_place.remove(&(parent, name.to_owned()))
            && let Some(node) = table.nodes.get_mut(&number)
        {
            node.place = None;
        }
    }

    /// What was at one place is at another.
    pub(crate) fn rename(&self, from: (u64, &str), to: (u64, &str)) {
        if from == to {
            return;
        }
        self.remove(to.0, to.1);
        let mut table = self.lock();
        let Some(number) = table.by_place.remove(&(from.0, from.1.to_owned())) else { return };
        let place = (to.0, to.1.to_owned());
        table.by_place.insert(place.clone(), number);
        if let Some(node) = table.nodes.get_mut(&number) {
            node.place = Some(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_a_renamed_directory_moves_with_it() {
        let nodes = Nodes::new();
        let directory = nodes.look_up(ROOT, "a");
        let file = nodes.look_up(directory, "f");
        nodes.rename((ROOT, "a"), (ROOT, "b"));
        assert_eq!(nodes.path(file).as_deref(), Some("b/f"));
        assert_eq!(nodes.look_up(ROOT, "b"), directory);
        assert_ne!(nodes.look_up(ROOT, "a"), directory);
    }

    #[test]
    fn what_is_replaced_or_removed_has_no_path_and_its_name_is_free() {
        let nodes = Nodes::new();
        let (old, new) = (nodes.look_up(ROOT, "old"), nodes.look_up(ROOT, "new"));
        nodes.rename((ROOT, "new"), (ROOT, "old"));
        assert_eq!((nodes.path(old), nodes.path(new).as_deref()), (None, Some("old")));
        nodes.remove(ROOT, "old");
        assert_eq!((nodes.path(new), nodes.find(ROOT, "old")), (None, None));
        assert_ne!(nodes.look_up(ROOT, "old"), new);
    }

    #[test]
    fn what_the_kernel_forgets_is_forgotten() {
        let nodes = Nodes::new();
        let file = nodes.look_up(ROOT, "f");
        assert_eq!(nodes.look_up(ROOT, "f"), file);
        nodes.forget(file, 1);
        assert_eq!(nodes.find(ROOT, "f"), Some(file));
        nodes.forget(file, 1);
        assert_eq!((nodes.find(ROOT, "f"), nodes.path(file)), (None, None));
        assert_eq!(nodes.path(ROOT).as_deref(), Some(""));
    }
}
