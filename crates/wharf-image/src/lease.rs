//! What must not be pruned at present: images that a request is about to name, layers and blobs that
//! no image refers to yet.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// References and digests that are held.
#[derive(Debug, Default)]
pub(crate) struct Leases(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    counts: HashMap<String, usize>,
    /// All that was held at any time since the pruning under way began.
    since: Option<HashSet<String>>,
}

/// Keeps images, or parts of them, from being pruned while it lives.
#[derive(Debug)]
#[must_use = "it holds only as long as it lives"]
pub struct Lease {
    leases: Arc<Leases>,
    names: Vec<String>,
}

impl Leases {
    pub(crate) fn take(self: &Arc<Self>, names: Vec<String>) -> Lease {
        let mut held = self.lock();
        for name in &names {
            *held.counts.entry(name.clone()).or_default() += 1;
            if let Some(since) = &mut held.since {
                since.insert(name.clone());
            }
        }
        drop(held);
        Lease { leases: Arc::clone(self), names }
    }

    /// From now on nothing that is held for a moment is forgotten, until [`Leases::forget`].
    pub(crate) fn remember(&self) {
        let mut held = self.lock();
        held.since = Some(held.counts.keys().cloned().collect());
    }

    pub(crate) fn forget(&self) {
        self.lock().since = None;
    }

    /// Does something to what has not been held; nobody can take a lease meanwhile.
    pub(crate) fn unless_held<T>(&self, name: &str, work: impl FnOnce() -> T) -> Option<T> {
        let held = self.lock();
        let is_held = match &held.since {
            Some(since) => since.contains(name),
            None => held.counts.contains_key(name),
        };
        (!is_held).then(work)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut held = self.leases.lock();
        for name in &self.names {
            if let Some(count) = held.counts.get_mut(name) {
                *count -= 1;
                if *count == 0 {
                    held.counts.remove(name);
                }
            }
        }
    }
}
